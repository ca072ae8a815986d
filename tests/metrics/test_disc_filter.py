"""The disc filter: what passes, what is stopped, and that it does not know directions."""

import math

import pytest
import torch

from metrics.disc_filter import CUTOFF, REACH, disc_response, disc_taps


def amplitude(frequency: float, angle: float, offset: tuple[float, float] = (0.0, 0.0)) -> float:
    """What is left of a wave, in cycles a pixel, where the filter stands between the pixels by `offset`."""
    line = torch.arange(-REACH - 1, REACH + 2, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    weights = disc_response(torch.hypot(x - offset[0], y - offset[1]))
    phase = 2 * math.pi * frequency * (math.cos(angle) * x + math.sin(angle) * y)
    return torch.complex((weights * phase.cos()).sum(), (weights * phase.sin()).sum()).abs().item()


@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 4])
def test_half_of_a_wave_at_the_cutoff_passes(angle):
    assert amplitude(CUTOFF, angle) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 4])
def test_slow_waves_pass_and_those_at_half_the_sampling_rate_are_stopped(angle):
    assert amplitude(0.25, angle) == pytest.approx(1, abs=2e-3)
    assert amplitude(0.5, angle) < 2e-3


@pytest.mark.parametrize("offset", [(0.5, 0.5), (0.31, -0.12), (0.0, 0.5)])
def test_the_grid_of_pixels_does_not_show(offset):
    for frequency in (0.0, 0.1, 0.3):
        assert amplitude(frequency, 0.7, offset) == pytest.approx(amplitude(frequency, 0.7), abs=1e-3)


def test_it_ends_at_its_reach():
    distances = torch.tensor([REACH - 1e-3, REACH, REACH + 0.5], dtype=torch.float64)
    assert (disc_response(distances) != 0).tolist() == [True, False, False]
    assert disc_taps().shape == (2 * REACH - 1, 2 * REACH - 1)
    assert disc_taps().sum().item() == pytest.approx(1)
