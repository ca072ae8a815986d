import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.closeness import assert_golden
from tests.support.golden import golden_cases, golden_tensors
from torch_utils.ops.conv2d_resample import conv2d_resample
from torch_utils.ops.upfirdn2d import add_sides, downsampling_padding, setup_filter, upfirdn2d, upsampling_padding

BINOMIAL = setup_filter([1, 3, 3, 1]).double()
CASES = [
    *("k3", "k3_conv", "k3_asympad", "k3_negpad", "k3_up2", "k3_up2_conv", "k3_down2", "k1_up2", "k1_down2"),
    *("k3_up2_down2", "k3_up2_group2", "k3_down2_group2", "k3_up2_fasym_flipf", "k3_down2_fasym", "k5_up4"),
    "k3_up2_nofilter",
]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(x, w, f=None, *, up=1, down=1, padding=0, groups=1, correlate=True, flip_filter=False):
    """Three operators one after the other, with the filtered intermediate that conv2d_resample avoids."""
    sides = add_sides(padding, 0)
    f = torch.ones(1, 1) if f is None else f
    if up > 1:
        sides = add_sides(sides, upsampling_padding(f, up))
    if down > 1:
        sides = add_sides(sides, downsampling_padding(f, down))
    x = upfirdn2d(x, f if up > 1 else None, up=up, padding=sides, flip=flip_filter, gain=up**2)
    x = F.conv2d(x, w if correlate else w.flip([2, 3]), groups=groups)
    return upfirdn2d(x, f if down > 1 else None, down=down, flip=flip_filter)


def test_the_golden_file_holds_no_case_that_is_not_tried(shared):
    assert set(golden_cases(shared / "golden" / "conv2d_resample.npz")) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_agree_with_the_golden_numbers(shared, case):
    path = shared / "golden" / "conv2d_resample.npz"
    parameters = golden_cases(path)[case]
    options = dict(parameters["kwargs"]) | {"groups": parameters["groups"]}
    options["correlate"] = options.pop("flip_weight", True)
    f = golden_tensors(path)[options.pop("f")] if "f" in options else None
    golden = golden_tensors(path, case)
    x, w = golden["x"].requires_grad_(), golden["w"].requires_grad_()
    y = conv2d_resample(x, w, f, **options)
    assert_golden(y, golden["y"], relative=1e-10)
    dx, dw = torch.autograd.grad(y, (x, w), golden["g"])
    assert_golden(dx, golden["dx"], relative=1e-10)
    assert_golden(dw, golden["dw"], relative=1e-10)


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(st.integers(3, 8), st.integers(3, 8)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    taps=st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5)),
    up=st.integers(1, 3),
    down=st.integers(1, 3),
    padding=st.integers(0, 3) | st.lists(st.integers(-1, 3), min_size=4, max_size=4),
    groups=st.integers(1, 2),
    correlate=st.booleans(),
    flip_filter=st.booleans(),
)
def test_it_is_the_three_operators_one_after_the_other(size, kernel, taps, groups, **options):
    x, w = draw(2, 2 * groups, *size), draw(3 * groups, 2, *kernel, seed=1)
    f = None if taps is None else draw(*taps, seed=2)
    try:
        expected = by_definition(x, w, f, groups=groups, **options)
    except RuntimeError:
        assume(False)  # nothing is left after the crop
    torch.testing.assert_close(conv2d_resample(x, w, f, groups=groups, **options), expected, rtol=1e-9, atol=1e-9)


ROADS = [
    {"padding": 1},
    {"padding": [1, 0, 2, 1], "correlate": False},
    {"f": BINOMIAL, "up": 2, "padding": 1},
    {"f": BINOMIAL, "up": 2, "padding": 1, "correlate": False},
    {"f": BINOMIAL, "down": 2, "padding": 1},
    {"f": BINOMIAL, "up": 2, "down": 2, "padding": 1},
]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("options", ROADS)
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(options, kernel_size, groups):
    x, w = draw(1, 2, 4, 5).requires_grad_(), draw(2, 2 // groups, kernel_size, kernel_size, seed=1).requires_grad_()
    assert gradcheck(lambda x, w: conv2d_resample(x, w, groups=groups, **options), (x, w))
    assert gradgradcheck(lambda x, w: conv2d_resample(x, w, groups=groups, **options), (x, w))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", ROADS)
def test_half_precision_stays_finite_and_of_its_type(dtype, options):
    x, w = draw(2, 4, 8, 8).to(dtype).requires_grad_(), (draw(6, 4, 3, 3, seed=1) / 6).to(dtype).requires_grad_()
    y = conv2d_resample(x, w, **options)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == w.grad.dtype == dtype
    assert x.grad.isfinite().all() and w.grad.isfinite().all()
    exact = conv2d_resample(x.detach().double(), w.detach().double(), **options)
    torch.testing.assert_close(y.double(), exact, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("options", ROADS)
def test_the_layout_in_memory_does_not_matter(options):
    x, w = draw(2, 4, 6, 7), draw(6, 4, 3, 3, seed=1)
    expected = conv2d_resample(x, w, **options)
    views = [x.to(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3)]
    for view in views:
        torch.testing.assert_close(conv2d_resample(view, w, **options), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", ROADS)
def test_an_empty_batch_stays_empty(options):
    x, w = torch.zeros(0, 4, 6, 6, dtype=torch.float64), draw(6, 4, 3, 3)
    full = conv2d_resample(torch.zeros(1, 4, 6, 6, dtype=torch.float64), w, **options)
    assert conv2d_resample(x, w, **options).shape == (0, *full.shape[1:])
