import pytest
import torch

from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from torch_utils.ops.lowpass import design_lowpass

GOLDEN = COPIES / "filtered_lrelu.npz"
CASES = [name for name in golden_cases(GOLDEN) if name.startswith("design_lowpass/")]


@pytest.mark.parametrize("case", CASES)
def test_filters_agree_with_the_golden_numbers(case):
    described = golden_cases(GOLDEN)[case]
    options = dict(described["kwargs"])
    f = design_lowpass(options.pop("numtaps"), sampling_rate=options.pop("fs"), **options)
    if described["none"]:
        assert f is None
    else:
        folder, name = case.split("/")
        assert f is not None and f.dtype == torch.float32
        assert_golden(f, golden_tensors(GOLDEN, folder)[name], relative=1e-6)


@pytest.mark.parametrize("taps", [2, 7, 12])
def test_a_radial_filter_is_round_keeps_brightness_and_has_a_peak_in_its_middle(taps):
    f = design_lowpass(taps, 2.0, 2.4, 32, radial=True)
    for turned in (f.t(), f.flip(0), f.flip(1)):
        torch.testing.assert_close(f, turned)
    assert f.sum().item() == pytest.approx(1)
    assert f[taps // 2, taps // 2] == f.max()


def amplitude(f: torch.Tensor, frequency: float, sampling_rate: float) -> float:
    """How much a filter leaves of a wave along x."""
    place = torch.arange(f.shape[-1], dtype=torch.float64) / sampling_rate
    wave = torch.exp(2j * torch.pi * frequency * place)
    return abs((f.double().reshape(-1, f.shape[-1]).sum(0) * wave).sum().item())


@pytest.mark.parametrize("radial", [False, True])
def test_low_frequencies_pass_and_high_ones_do_not(radial):
    f = design_lowpass(48, 4.0, 3.0, 32, radial=radial)
    assert amplitude(f, 0.5, 32) == pytest.approx(1, abs=0.02)
    assert amplitude(f, 4.0, 32) == pytest.approx(0.5, abs=0.05)
    assert amplitude(f, 8.0, 32) < 0.02
