import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from networks.layers import (
    RESAMPLE_TAPS,
    Conv,
    FullyConnected,
    MinibatchDeviation,
    channels_at,
    modulated_conv2d,
    normalize_second_moment,
    resolutions_up_to,
)
from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from torch_utils.ops.conv2d_resample import conv2d_resample
from torch_utils.ops.upfirdn2d import setup_filter

DEVIATIONS = golden_cases(COPIES / "minibatch_std.npz")
MODULATIONS = [
    *("demod", "demod_noise", "nodemod_k1", "nodemod_k3_noise", "up2", "up2_flipw_true", "up2_noise"),
    *("down2", "down2_nodemod", "k1_up2_nodemod"),
]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def per_sample(x, weight, styles, *, demodulate=True, noise=None, **options):
    """The definition: every sample has weights of its own, all convolved at once as groups."""
    count, in_channels = styles.shape
    weights = weight[None] * styles[:, None, :, None, None]  # [N, O, I, k, k]
    if demodulate:
        weights = weights * (weights.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    f = options.pop("resample_filter", None)
    joined = x.reshape(1, count * in_channels, *x.shape[2:])
    y = conv2d_resample(joined, weights.flatten(0, 1), f, groups=count, **options)
    y = y.reshape(count, -1, *y.shape[2:])
    return y if noise is None else y + noise


def test_the_golden_file_holds_no_modulation_that_is_not_tried(shared):
    assert set(golden_cases(shared / "golden" / "modulated_conv2d_sg2.npz")) == set(MODULATIONS)


@pytest.mark.parametrize("case", MODULATIONS)
def test_modulated_convolution_agrees_with_the_golden_numbers(shared, case):
    path = shared / "golden" / "modulated_conv2d_sg2.npz"
    parameters = golden_cases(path)[case]
    options = dict(parameters["kwargs"])
    options["correlate"] = options.pop("flip_weight", True)
    if parameters["resample_filter"]:
        options["resample_filter"] = golden_tensors(path)[parameters["resample_filter"]]
    golden = golden_tensors(path, case)
    inputs = [golden[name].requires_grad_() for name in ("x", "w", "s")]
    y = modulated_conv2d(*inputs, noise=golden.get("noise"), **options)
    assert_golden(y, golden["y"], relative=1e-6)
    for ours, name in zip(torch.autograd.grad(y, inputs, golden["g"]), ["dx", "dw", "ds"], strict=True):
        assert_golden(ours, golden[name], relative=1e-6)


ROADS = [
    {"padding": 1},
    {"padding": 1, "demodulate": False},
    {"padding": 1, "up": 2, "correlate": False, "resample_filter": setup_filter(RESAMPLE_TAPS)},
    {"padding": 1, "down": 2, "resample_filter": setup_filter(RESAMPLE_TAPS)},
]


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 4),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    noisy=st.booleans(),
    options=st.sampled_from(ROADS),
)
def test_sharing_one_convolution_equals_weights_per_sample(count, channels, size, noisy, options):
    x, weight, styles = draw(count, channels[0], *size), draw(*channels[::-1], 3, 3, seed=1), draw(count, channels[0])
    plain = per_sample(x, weight, styles, **options)
    noise = draw(count, 1, *plain.shape[2:], seed=3) if noisy else None
    expected = plain if noise is None else plain + noise
    ours = modulated_conv2d(x, weight, styles, noise=noise, **options)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", ROADS)
def test_its_second_derivative_equals_that_of_weights_per_sample(options):
    x, weight, styles = draw(2, 3, 5, 4), draw(4, 3, 3, 3, seed=1), draw(2, 3, seed=2) + 1
    results = []
    for road in (modulated_conv2d, per_sample):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, weight, styles)]
        first = torch.autograd.grad(road(*leaves, **options).pow(3).sum(), leaves, create_graph=True)
        results.append(torch.autograd.grad(sum(part.square().sum() for part in first), leaves))
    for ours, expected in zip(*results, strict=True):
        assert_golden(ours, expected, relative=1e-5)


def test_without_demodulation_its_derivatives_are_those_of_finite_differences():
    inputs = [tensor.requires_grad_() for tensor in (draw(2, 2, 3, 3), draw(3, 2, 3, 3, seed=1), draw(2, 2, seed=2))]
    assert gradcheck(lambda *tensors: modulated_conv2d(*tensors, padding=1, demodulate=False), inputs)
    assert gradgradcheck(lambda *tensors: modulated_conv2d(*tensors, padding=1, demodulate=False), inputs)


def test_demodulation_makes_the_size_of_styles_and_weights_irrelevant():
    x, weight, styles = draw(2, 3, 5, 4), draw(4, 3, 3, 3, seed=1), draw(2, 3, seed=2)
    small = modulated_conv2d(x, weight, styles, padding=1)
    torch.testing.assert_close(modulated_conv2d(x, weight * 50, styles * 20, padding=1), small, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", ROADS)
def test_half_precision_stays_finite_and_near(dtype, options):
    x, weight, styles = draw(2, 64, 8, 8).float(), draw(32, 64, 3, 3, seed=1).float(), draw(2, 64, seed=2).float()
    scale = 30 if options.get("demodulate", True) else 0.1  # without demodulation nothing protects fp16's range
    styles = styles * scale
    x = x.requires_grad_()
    y = modulated_conv2d(x.to(dtype), weight, styles, **options)
    y.sum().backward()
    assert y.dtype == dtype
    assert y.isfinite().all() and x.grad.isfinite().all()
    exact = modulated_conv2d(x.detach(), weight, styles, **options)
    assert (y.detach().float() - exact).abs().max() < 0.03 * exact.abs().max()


def test_an_empty_batch_stays_empty():
    y = modulated_conv2d(torch.zeros(0, 3, 4, 4), torch.ones(5, 3, 3, 3), torch.zeros(0, 3), padding=1)
    assert y.shape == (0, 5, 4, 4)


@pytest.mark.parametrize("case", DEVIATIONS)
def test_minibatch_deviation_agrees_with_the_golden_numbers(case):
    golden = golden_tensors(COPIES / "minibatch_std.npz", case)
    x = golden["x"].requires_grad_()
    y = MinibatchDeviation(DEVIATIONS[case]["group_size"], DEVIATIONS[case]["num_channels"])(x)
    assert_golden(y, golden["y"], relative=1e-10)
    assert_golden(torch.autograd.grad(y, x, golden["g"])[0], golden["dx"], relative=1e-10)


def test_members_of_a_deviation_group_are_strided():
    x = torch.zeros(4, 1, 2, 2)
    x[0], x[2] = 1, 3  # samples 0 and 2 form one group of two, 1 and 3 the other
    y = MinibatchDeviation(2)(x)[:, 1]
    torch.testing.assert_close(y[[0, 2]], torch.ones(2, 2, 2))
    torch.testing.assert_close(y[[1, 3]], torch.full([2, 2, 2], 1e-4))


def test_minibatch_deviation_is_twice_differentiable():
    x = draw(4, 2, 2, 3).requires_grad_()
    layer = MinibatchDeviation(2, 2)
    assert gradcheck(layer, (x,))
    assert gradgradcheck(layer, (x,))


def test_normalised_rows_have_a_mean_square_of_one():
    rows = normalize_second_moment(draw(5, 8) * 7)
    torch.testing.assert_close(rows.square().mean(dim=1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
@pytest.mark.parametrize("act", ["linear", "lrelu"])
def test_a_fully_connected_layer_scales_its_weights_at_run_time(lr_multiplier, act):
    layer = FullyConnected(6, 4, act=act, bias_init=3.0, lr_multiplier=lr_multiplier)
    x = draw(5, 6).float()
    expected = x @ (layer.weight * lr_multiplier / 6**0.5).t() + 3.0 * lr_multiplier
    if act == "lrelu":
        expected = F.leaky_relu(expected, 0.2) * 2**0.5
    torch.testing.assert_close(layer(x), expected)


def test_weights_start_with_unit_variance_times_the_inverse_multiplier():
    assert FullyConnected(256, 256, lr_multiplier=0.01).weight.std().item() == pytest.approx(100, rel=0.05)
    assert Conv(32, 32, 3).weight.std().item() == pytest.approx(1, rel=0.05)


def test_a_convolution_keeps_the_variance_of_its_input():
    y = Conv(128, 64, 3, act="lrelu")(draw(4, 128, 16, 16).float())
    assert y[:, :, 1:-1, 1:-1].square().mean().item() == pytest.approx(1, rel=0.15)


def test_a_convolution_is_the_plain_one_with_scaled_weights():
    layer = Conv(3, 5, 3, act="lrelu")
    torch.nn.init.normal_(layer.bias)
    x = draw(2, 3, 6, 6).float()
    expected = F.leaky_relu(F.conv2d(x, layer.weight / 27**0.5, layer.bias, padding=1), 0.2) * 2**0.5
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("factors", "size"), [({"up": 2}, 16), ({"down": 2}, 4), ({}, 8)])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_convolution_resamples_by_its_factor(factors, size, kernel_size):
    y = Conv(3, 5, kernel_size, bias=False, **factors)(torch.zeros(2, 3, 8, 8))
    assert y.shape == (2, 5, size, size)


def test_gain_scales_the_clamp_as_well():
    layer = Conv(3, 5, 1, act="lrelu", clamp=0.5)
    x = draw(2, 3, 4, 4).float() * 10
    assert layer(x).abs().max() == 0.5
    torch.testing.assert_close(layer(x, gain=0.25), layer(x) * 0.25)


@pytest.mark.parametrize(("resolution", "expected"), [(4, 512), (64, 256), (256, 64), (1024, 16)])
def test_feature_maps_halve_per_doubling_up_to_the_most(resolution, expected):
    assert channels_at(resolution, channel_base=16384, channel_max=512) == expected


def test_resolutions_double_from_four():
    assert resolutions_up_to(4) == [4]
    assert resolutions_up_to(32) == [4, 8, 16, 32]
