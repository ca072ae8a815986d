import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from torch_utils.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d
from torch_utils.ops.upfirdn2d_plain import _by_convolution

FILTERS, CASES = golden_cases(COPIES / "setup_filter.npz"), golden_cases(COPIES / "upfirdn2d.npz")
FUNCTIONS = {"upfirdn2d": upfirdn2d, "filter2d": filter2d, "upsample2d": upsample2d, "downsample2d": downsample2d}
BINOMIAL = setup_filter([1, 3, 3, 1])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(x: np.ndarray, f: np.ndarray, up, down, padding, flip: bool, gain: float) -> np.ndarray:
    """Insert zeros, pad or crop, convolve, drop: the slow way, picture by picture."""
    f = np.outer(f, f) if f.ndim == 1 else f
    f = f[::-1, ::-1] if flip else f
    left, right, top, bottom = padding
    pictures = []
    for picture in x.reshape(-1, *x.shape[2:]):
        spread = np.zeros((picture.shape[0] * up[1], picture.shape[1] * up[0]))
        spread[:: up[1], :: up[0]] = picture
        spread = np.pad(spread, [(max(0, top), max(0, bottom)), (max(0, left), max(0, right))])
        spread = spread[max(0, -top) : len(spread) - max(0, -bottom)]
        spread = spread[:, max(0, -left) : spread.shape[1] - max(0, -right)]
        pictures.append(scipy.signal.convolve2d(spread, f * gain, mode="valid")[:: down[1], :: down[0]])
    return np.stack(pictures).reshape(*x.shape[:2], *pictures[0].shape)


@pytest.mark.parametrize("case", FILTERS)
def test_filters_agree_with_the_golden_numbers(case):
    options = {name: value for name, value in FILTERS[case].items() if name != "out_shape"}
    options["flip"] = options.pop("flip_filter", False)
    f = setup_filter(options.pop("f"), **options)
    assert f.dtype == torch.float32
    assert_golden(f, golden_tensors(COPIES / "setup_filter.npz")[case], relative=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_agree_with_the_golden_numbers(case):
    options = dict(CASES[case]["kwargs"])
    options["flip"] = options.pop("flip_filter", False)
    golden = golden_tensors(COPIES / "upfirdn2d.npz", case)
    x = golden["x"].requires_grad_()
    y = FUNCTIONS[CASES[case]["fn"]](x, golden.get("f"), **options)
    assert_golden(y, golden["y"], relative=1e-6)  # the golden numbers multiply filter and gain in float32
    (dx,) = torch.autograd.grad(y, x, golden["g"])
    assert_golden(dx, golden["dx"], relative=1e-6)


factors = st.tuples(st.integers(1, 3), st.integers(1, 3))
sides = st.tuples(*[st.integers(-3, 5)] * 4)


@settings(max_examples=300, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    taps=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kind=st.sampled_from(["any", "product", "one-dimensional"]),
    up=factors,
    down=factors,
    padding=sides,
    flip=st.booleans(),
    gain=st.floats(0.25, 4),
)
def test_it_is_its_definition(size, taps, kind, up, down, padding, flip, gain):
    taps = (taps[0], taps[0]) if kind == "one-dimensional" else taps
    sums = (padding[2] + padding[3], padding[0] + padding[1])
    assume(all(size[a] * up[1 - a] + sums[a] >= taps[a] for a in (0, 1)))
    # What is cropped away must be there: the definition says nothing of less than no pixels.
    assume(all(size[a] * up[1 - a] + min(0, p) + min(0, q) > 0 for a, p, q in ((0, *padding[2:]), (1, *padding[:2]))))
    x = draw(1, 2, *size)
    f = {
        "any": draw(*taps, seed=1),
        "product": torch.outer(2.0 ** torch.arange(taps[0]), 2.0 ** torch.arange(taps[1])).double(),
        "one-dimensional": draw(taps[0], seed=1),
    }[kind]
    y = upfirdn2d(x, f, up=up, down=down, padding=padding, flip=flip, gain=gain)
    expected = by_definition(x.numpy(), f.numpy(), up, down, padding, flip, gain)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["product", "one-dimensional"])
@pytest.mark.parametrize(
    ("up", "down", "padding"),
    [
        ([2, 2], [1, 1], [2, 1, 2, 1]),
        ([1, 1], [2, 2], [1, 1, 1, 1]),
        ([1, 1], [1, 1], [2, 1, 2, 1]),
        ([3, 1], [2, 3], [-1, 4, 5, -2]),
    ],
)
def test_matrix_products_and_convolutions_give_the_same(kind, up, down, padding):
    f = torch.outer(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])).double()
    f = f if kind == "product" else draw(4, seed=1)
    for size in [(4, 7), (6, 5), (64, 64), (65, 40)]:  # the last is too large for matrices
        x = draw(2, 3, *size)
        y = torch.ops.kaokore.upfirdn2d(x, f, up, down, padding, False, 3.0)
        torch.testing.assert_close(y, _by_convolution(x, f, up, down, padding, False, 3.0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", [BINOMIAL, draw(4, 4), setup_filter([1, 3, 3, 1], separable=True)])
def test_a_picture_of_which_nothing_is_left_is_refused(f):
    with pytest.raises(RuntimeError, match="padding \\[0, 0, -2, -1\\] leaves nothing of 6x5 pixels"):
        upfirdn2d(torch.zeros(1, 1, 5, 6), f, padding=[0, 0, -2, -1])


SHAPES = [
    {"up": 2, "padding": [2, 1, 2, 1], "gain": 4.0},
    {"down": 2, "padding": 1},
    {"padding": [1, 2, 2, 1]},
    {"up": 3, "down": 2, "padding": [3, -1, -2, 4], "flip": True},
    {"up": (2, 1), "down": (1, 3), "padding": [0, 3, 4, -1]},
    {"padding": [-1, 0, 2, 3], "flip": True, "gain": 0.5},
]
KINDS = {
    "binomial": BINOMIAL.double(),
    "rectangular": draw(3, 5, seed=3),
    "separable": draw(4, seed=4),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", SHAPES)
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(kind, options):
    x = draw(1, 2, 5, 6).requires_grad_()
    assert gradcheck(lambda x: upfirdn2d(x, KINDS[kind], **options), (x,))
    assert gradgradcheck(lambda x: upfirdn2d(x, KINDS[kind], **options), (x,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("up", "down", "padding"),
    [
        ([2, 2], [1, 1], [2, 1, 2, 1]),
        ([1, 1], [2, 2], [1, 1, 1, 1]),
        ([1, 1], [1, 1], [2, 1, 2, 1]),
        ([3, 1], [1, 2], [3, -1, 2, 4]),
    ],
)
def test_the_operator_passes_torchs_own_checks(kind, up, down, padding):
    x = draw(2, 3, 6, 5).requires_grad_()
    opcheck(torch.ops.kaokore.upfirdn2d.default, (x, KINDS[kind], up, down, padding, False, 2.0))


@pytest.mark.parametrize("resample", [upsample2d, downsample2d, filter2d])
def test_a_flat_picture_stays_flat_away_from_the_border(resample):
    y = resample(torch.full([1, 1, 16, 16], 0.7), BINOMIAL)
    torch.testing.assert_close(y[:, :, 3:-3, 3:-3], torch.full_like(y[:, :, 3:-3, 3:-3], 0.7))


@pytest.mark.parametrize(("resample", "size"), [(upsample2d, (14, 18)), (downsample2d, (3, 4)), (filter2d, (7, 9))])
def test_sizes_are_those_the_names_promise(resample, size):
    assert resample(torch.zeros(2, 3, 7, 9), BINOMIAL).shape == (2, 3, *size)


def test_enlarging_a_point_draws_the_filter_around_it():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 1
    y = upsample2d(x, BINOMIAL)
    torch.testing.assert_close(y[0, 0, 3:7, 3:7], BINOMIAL * 4)
    assert y.sum() == pytest.approx(4)


def test_a_one_dimensional_filter_is_its_outer_product():
    x, taps = draw(1, 2, 7, 8), [1.0, 2.0, 5.0]
    thin, square = setup_filter(taps, separable=True), setup_filter(taps)
    options = {"up": 2, "down": 3, "padding": [3, 1, 2, 4], "gain": 2.5}
    torch.testing.assert_close(upfirdn2d(x, thin, **options), upfirdn2d(x, square, **options), rtol=1e-6, atol=1e-6)


def test_flip_turns_the_filter():
    x, f = draw(1, 1, 6, 6), draw(3, 4, seed=1)
    turned = upfirdn2d(x, f.flip([0, 1]), padding=2)
    torch.testing.assert_close(upfirdn2d(x, f, padding=2, flip=True), turned, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("resample", [upsample2d, downsample2d, filter2d])
@pytest.mark.parametrize("separable", [False, True])
def test_half_precision_stays_finite_near_and_of_its_type(dtype, resample, separable):
    f = setup_filter([1, 3, 3, 1], separable=separable)
    x = (draw(2, 3, 8, 6) * 100).to(dtype).requires_grad_()
    y = resample(x, f)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert x.grad.isfinite().all()
    torch.testing.assert_close(y.double(), resample(x.detach().double(), f), rtol=0.03, atol=2.0)


def test_half_precision_takes_a_large_gain_without_overflow_between_the_passes():
    x = torch.full([1, 1, 8, 8], 1000.0, dtype=torch.float16)
    y = upsample2d(x, setup_filter([1, 3, 3, 1], separable=True), up=4)
    assert y.isfinite().all()


@pytest.mark.parametrize("resample", [upsample2d, downsample2d, filter2d])
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x[:, :, ::2, 1:],
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x[:1].expand(3, -1, -1, -1),
    ],
    ids=["transposed", "sliced", "channels last", "expanded"],
)
def test_the_layout_in_memory_does_not_matter(resample, view):
    results = []
    for shape in (view, lambda x: view(x).contiguous()):
        leaf = draw(2, 3, 8, 9).requires_grad_()
        y = resample(shape(leaf), BINOMIAL)
        results.append((y.detach(), torch.autograd.grad(y.square().sum(), leaf)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("resample", [upsample2d, downsample2d, filter2d])
def test_an_empty_batch_stays_empty(resample):
    x = torch.zeros(0, 3, 8, 8, requires_grad=True)
    y = resample(x, BINOMIAL)
    y.sum().backward()
    assert y.shape[0] == 0
    assert y.shape[1:] == resample(torch.zeros(1, 3, 8, 8), BINOMIAL).shape[1:]
    assert x.grad.shape == x.shape


def test_without_a_filter_only_sizes_change():
    x = draw(1, 2, 4, 5)
    torch.testing.assert_close(upfirdn2d(x, None), x, rtol=0, atol=0)
    torch.testing.assert_close(upfirdn2d(x, None, down=2), x[:, :, ::2, ::2], rtol=0, atol=0)
    torch.testing.assert_close(upfirdn2d(x, None, up=2)[:, :, ::2, ::2], x, rtol=0, atol=0)


def test_the_input_is_left_as_it_was():
    x = draw(1, 2, 4, 4)
    before = x.clone()
    for resample in (upsample2d, downsample2d, filter2d):
        resample(x, BINOMIAL).zero_()
    upfirdn2d(x, None).zero_()
    assert torch.equal(x, before)


def test_what_was_remembered_under_inference_mode_serves_training():
    f = setup_filter([1, 2, 1])  # a filter no other test uses at this size
    with torch.inference_mode():
        upsample2d(torch.ones(1, 1, 11, 13), f)
    x = torch.ones(1, 1, 11, 13, requires_grad=True)
    upsample2d(x, f).square().sum().backward()
    assert x.grad.abs().min() > 0
