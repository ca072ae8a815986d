import json

import numpy as np
import pytest
import torch

from networks.interface import ImageSpec, Noise
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from networks.stylegan3_generator import StyleGAN3Generator, StyleGAN3GeneratorConfig
from tests.support.closeness import assert_golden
from tests.support.official_names import golden_arrays, load_official, stylegan3_generator_name
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

VARIANTS = {"T": {}, "R": {"kernel_size": 1, "radial_filters": True}}


def tiny(**changes) -> StyleGAN3Generator:
    options = {"z_dim": 16, "w_dim": 16, "channel_base": 128, "channel_max": 8} | changes
    torch.manual_seed(1)
    return StyleGAN3GeneratorConfig(**options).build(ImageSpec(resolution=16)).eval()


def golden_generator(shared, variant: str):
    golden = np.load(shared / "golden" / f"sg3_G_{variant}.npz", allow_pickle=False)
    init = json.loads(str(golden["meta_json"]))["init"]
    config = StyleGAN3GeneratorConfig(
        z_dim=init["z_dim"],
        w_dim=init["w_dim"],
        channel_base=init["channel_base"],
        channel_max=init["channel_max"],
        magnitude_decay=init["magnitude_ema_beta"],
        **VARIANTS[variant],
    )
    # c_dim numbers of the golden network are taken as they are: a set of c_dim - 1 classes and "unlabelled".
    sets = (LabelSet(name="label", classes=tuple("abc")),) if init["c_dim"] else ()
    generator = config.build(ImageSpec(resolution=32, label_sets=sets)).eval()
    arrays = golden_arrays(golden, "sd/")
    filters = {name: arrays.pop(name) for name in list(arrays) if name.endswith("_filter")}
    load_official(generator, arrays, stylegan3_generator_name)
    return generator, golden, filters


@pytest.fixture(params=list(VARIANTS))
def reference(shared, request):
    return golden_generator(shared, request.param)


def test_styles_and_pictures_agree_with_the_golden_numbers(reference):
    generator, golden, _ = reference
    z, labels = torch.from_numpy(golden["z"]), torch.from_numpy(golden["c"])
    assert_golden(generator.mapping(z, labels), golden["ws"])
    assert_golden(generator.mapping(z, labels, psi=0.7, cutoff=5), golden["ws_psi0.7_cutoff5"])
    assert_golden(generator.input(torch.from_numpy(golden["ws"])[:1, 0]), golden["act/input"])
    assert_golden(generator(z, labels), golden["img"])


def test_filters_are_those_of_the_golden_network(reference):
    generator, _, filters = reference
    for name, expected in filters.items():
        layer, attribute = stylegan3_generator_name(name).removeprefix("layers.").split(".")
        assert_golden(getattr(generator.layers[int(layer)], attribute), expected, relative=1e-6)


@pytest.mark.parametrize("move", ["rot30", "trans", "rot_trans", "scale2"])
def test_a_moved_input_gives_the_golden_picture(reference, move):
    generator, golden, _ = reference
    ws = torch.from_numpy(golden["ws"])[:1]
    with generator.transformed(torch.from_numpy(golden[f"transform/{move}/forward"])):
        assert_golden(generator.input.transform, golden[f"transform/{move}/inverse_buffer"])
        assert_golden(generator.synthesis(ws), golden[f"transform/{move}/img"])
    assert torch.equal(generator.input.transform, torch.eye(3))


def test_the_derivative_agrees_with_the_golden_numbers(reference):
    """In double precision: in single, a sample near the leaky ReLU's corner may fall on the other side of it."""
    generator, golden, _ = reference
    ws = torch.from_numpy(golden["ws"]).double().requires_grad_()
    x = generator.double().input(ws[:, 0])
    for layer, w in zip(generator.layers, ws.unbind(1)[1:], strict=True):
        x = layer(x, w, layer.magnitude)
    loss = (x * generator.config.output_scale * torch.from_numpy(golden["g_img"])).sum()
    (dws,) = torch.autograd.grad(loss, ws)
    assert_golden(dws, golden["dws"])


def test_running_magnitudes_agree_with_the_golden_numbers(reference):
    generator, golden, _ = reference
    images, seen = generator.observed(torch.from_numpy(golden["ws"]), Noise())
    assert_golden(images, golden["img_update_emas"])
    generator.track(seen)
    for name in (name for name in golden.files if name.endswith("magnitude_ema") and name.startswith("after_update/")):
        layer = int(name.removeprefix("after_update/L").split("_")[0])
        assert_golden(generator.layers[layer].magnitude, golden[name])


@pytest.mark.parametrize(
    ("resolution", "options", "expected"),
    [
        (256, {}, 28_472_133),
        (256, {"channel_base": 16384}, 23_320_443),
        (1024, {}, 22_313_167),
        (256, {"channel_base": 65536, "channel_max": 1024} | VARIANTS["R"], 18_816_387),
        (256, {"channel_base": 32768, "channel_max": 1024} | VARIANTS["R"], 15_779_565),
        (1024, {"channel_base": 65536, "channel_max": 1024} | VARIANTS["R"], 15_093_151),
    ],
)
def test_parameter_counts_are_those_of_the_spec(resolution, options, expected):
    generator = StyleGAN3GeneratorConfig(**options).build(ImageSpec(resolution=resolution))
    assert sum(parameter.numel() for parameter in generator.parameters()) == expected
    assert generator.mapping.num_ws == 16


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_moving_the_input_by_whole_pixels_moves_the_picture(variant):
    generator = tiny(**VARIANTS[variant])
    ws = generator.mapping(torch.randn(2, 16))
    move = torch.eye(3)
    move[0, 2] = 3 / 16
    still = generator.synthesis(ws)
    with generator.transformed(move):
        moved = generator.synthesis(ws)
    error = (moved[..., 5:-2] - still[..., 2:-5]).square().mean()
    assert error < 1e-3 * still.var()


def test_a_move_is_undone_when_its_block_fails():
    generator = tiny()
    with pytest.raises(ZeroDivisionError), generator.transformed(torch.diag(torch.tensor([2.0, 2.0, 1.0]))):
        raise ZeroDivisionError
    assert torch.equal(generator.input.transform, torch.eye(3))


def test_a_constant_cannot_be_moved():
    generator = StyleGAN2GeneratorConfig(channel_base=16, channel_max=4).build(ImageSpec(resolution=8))
    with (
        pytest.raises(ConfigError, match=r"StyleGAN2Generator: has no input that can be moved.* Use a StyleGAN3"),
        generator.transformed(torch.eye(3)),
    ):
        pass


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_finite_and_near(dtype, monkeypatch):
    generator = tiny()
    ws = generator.mapping(torch.randn(2, 16) * 3)
    exact = generator.synthesis(ws)
    monkeypatch.setattr(generator, "_dtype", lambda layer, device: dtype)
    reduced = generator.synthesis(ws)
    assert reduced.dtype == torch.float32
    assert (reduced - exact).abs().mean() < 0.05 * exact.abs().mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_critical": 14}, "generator.num_critical: 14 is not possible. Use 0 or more, below"),
        ({"lrelu_upsampling": 3}, "generator.lrelu_upsampling: 3 is not possible. Use 1, 2, 4"),
        ({"first_cutoff": 9.0}, "generator.first_cutoff: 9.0 is not possible. Use a number from 0.001 on, below"),
        ({"margin": -1}, "generator.margin: -1 is not possible. Use 0 to 256"),
        ({"margin": 257}, "generator.margin: 257 is not possible. Use 0 to 256"),
        ({"filter_taps": 0}, "generator.filter_taps: 0 is not possible. Use a positive number"),
        ({"magnitude_decay": -0.1}, "generator.magnitude_decay: -0.1 is not possible. Use a number from 0 to 1"),
        ({"last_stopband_rel": 0.0}, "generator.last_stopband_rel: 0.0 is not possible. Use a number above 1"),
        ({"last_stopband_rel": 1.0}, "generator.last_stopband_rel: 1.0 is not possible. Use a number above 1"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        StyleGAN3GeneratorConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel_base": 8}, "generator.channel_base: 8 is not possible. It leaves no feature maps at 16 pixels"),
        (
            {"first_cutoff": 8.0, "first_stopband": 9.0},
            "generator.first_cutoff: 8.0 is not possible. Use a number below 8, the highest frequency of 16 pixels",
        ),
        ({"first_stopband": 10.0}, "generator.first_stopband: 10.0 is not possible. Use a number up to 9.849"),
    ],
)
def test_what_pictures_of_this_size_cannot_have_is_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**options)


def test_what_a_layer_sees_is_measured_in_full_precision(monkeypatch):
    generator = tiny()
    monkeypatch.setattr(generator, "_dtype", lambda layer, device: torch.float16)
    with torch.no_grad():
        generator.input.weight.mul_(1000)  # its squares are beyond what half precision holds
    images, seen = generator.observed(generator.mapping(torch.randn(2, 16)), Noise())
    assert seen.dtype == torch.float32
    assert seen[0] > 65504 and seen.isfinite().all()
    assert images.isfinite().all()


def test_activations_are_clamped_as_asked():
    generator = tiny(clamp=0.01)
    _, seen = generator.observed(generator.mapping(torch.randn(2, 16)), Noise())
    assert (seen[1:] <= 0.02**2).all()  # the filter behind the clamp overshoots a little
    assert seen[0] > 0.1


def test_the_layers_that_leave_high_rates_compute_in_reduced_precision_on_a_gpu():
    config = StyleGAN3GeneratorConfig(channel_base=128, channel_max=8, precision="fp16", num_low_precision_res=2)
    generator = config.build(ImageSpec(resolution=64))
    rates = {layer.plan.after.rate for layer in generator.layers}
    assert rates == {16, 32, 64}
    for layer in generator.layers:
        expected = torch.float16 if layer.plan.after.rate > 16 else torch.float32
        assert generator._dtype(layer, torch.device("cuda")) == expected
        assert generator._dtype(layer, torch.device("cpu")) == torch.float32
