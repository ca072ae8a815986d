import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from tests.support.twins import DTYPES, LAYOUTS, assert_threads_change_nothing, assert_twin, random_twins
from torch_utils.ops.upfirdn2d import downsample2d, filter2d, upfirdn2d, upsample2d

op = torch.ops.kaokore.upfirdn2d.default
CASES = golden_cases(COPIES / "upfirdn2d.npz")
FUNCTIONS = {"upfirdn2d": upfirdn2d, "filter2d": filter2d, "upsample2d": upsample2d, "downsample2d": downsample2d}

# up, down: those with kernels of their own, and others.
FACTORS = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (2, 3)]
# Those that fill a tile's filter, those that do not, those too large for one; separable and not.
FILTERS = [(4, 4), (3, 2), (8, 8), (5, 8), (9, 2), (12,), (3,), (24,), (25,), (1,)]
# Pictures of less than a tile, of a tile and of several; width and height swapped would be seen.
SIZES = [(1, 1), (5, 7), (33, 16), (40, 70)]


def padding_that_leaves_something(size, taps, up):
    """Odd and uneven on purpose."""
    needed = [max(0, taps[-1 - axis if len(taps) > 1 else 0] - size[1 - axis] * up) for axis in (0, 1)]
    return [needed[0] + 1, 2, 3, needed[1] + 2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", FILTERS)
@pytest.mark.parametrize(("up", "down"), FACTORS)
def test_every_factor_and_filter_in_every_type_is_the_twin_of_the_plain_body(body, up, down, taps, dtype):
    f = body.draw(*taps, seed=1) / len(taps)
    for size in SIZES:
        padding = padding_that_leaves_something(size, taps, up)
        x = body.draw(1, 2, *size, dtype=dtype)
        for layout in ("contiguous", "channels last"):
            options = [up, up], [down, down], padding, False, 1.5
            assert_twin(body, op, LAYOUTS[layout](x), f, *options, **tolerance(dtype, taps))


def tolerance(dtype, taps):
    """Sums cancel: what is left is held against the size of the numbers added."""
    terms = torch.Size(taps if len(taps) == 2 else taps * 2).numel()
    return {"atol": terms**0.5 * {torch.float64: 1e-13, torch.float32: 2e-6}.get(dtype, 1e-5)}


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [[0, 1, 2, 3], [3, 2, 1, 0], [-3, 5, -2, 4], [5, -1, 4, -6], [-1, -2, -4, -3]])
@pytest.mark.parametrize("taps", [(4, 3), (6, 7), (12,), (20,), (13, 3)])
@pytest.mark.parametrize(("up", "down"), FACTORS)
def test_any_padding_pads_or_crops(body, up, down, taps, padding, flip):
    x, f = body.draw(1, 2, 36, 41, dtype=torch.float32), body.draw(*taps, seed=1, dtype=torch.float32)
    for layout in ("contiguous", "channels last"):
        assert_twin(body, op, LAYOUTS[layout](x), f, [up, up], [down, down], padding, flip, 0.5, atol=1e-4)


@pytest.mark.parametrize("factors", [([2, 1], [1, 1]), ([1, 1], [1, 2]), ([1, 3], [2, 1]), ([4, 2], [3, 5])])
@pytest.mark.parametrize("taps", [(4, 3), (5,)])
def test_the_axes_have_factors_of_their_own(body, factors, taps):
    x, f = body.draw(2, 1, 21, 18, dtype=torch.float32), body.draw(*taps, seed=1, dtype=torch.float32)
    assert_twin(body, op, x, f, *factors, [2, 1, 0, 3], False, 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [(70, 90), (120,)])
def test_a_filter_larger_than_the_picture_goes(body, taps, dtype):
    x, f = body.draw(1, 2, 6, 5, dtype=dtype), body.draw(*taps, seed=1) / 8
    assert_twin(body, op, x, f, [2, 2], [1, 1], [60, 60, 60, 60], False, 1.0, **tolerance(dtype, taps))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(5, 7), (20, 24)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_does_not_matter(body, dtype, size, layout):
    x, f = LAYOUTS[layout](body.draw(2, 3, *size, dtype=dtype)), body.draw(8, 8, seed=1)[::2, ::2].t()
    assert_twin(
        body, op, x, f, [2, 2], [1, 1], [2, 1, 2, 1], False, 4.0, atol=1e-3 if dtype != torch.float64 else 1e-12
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [(4, 4), (12,)])
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2)])
def test_the_result_lies_as_the_picture_does_and_is_of_its_type(body, up, down, taps, dtype):
    for layout, make in LAYOUTS.items():
        x = make(body.draw(2, 3, 16, 16, dtype=dtype))
        y = body.call(op, x, body.draw(*taps), [up, up], [down, down], [2, 1, 2, 1], False, 1.0)
        form = torch.channels_last if layout == "channels last" else torch.contiguous_format
        assert y.is_contiguous(memory_format=form) and y.dtype == dtype


@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_the_number_of_threads_does_not_change_a_bit(cpp_body, layout):
    x, f = LAYOUTS[layout](cpp_body.draw(3, 16, 33, 41, dtype=torch.float32)), cpp_body.draw(4, 4)
    assert_threads_change_nothing(lambda: cpp_body.call(op, x, f, [2, 1], [1, 2], [2, 1, 2, 1], False, 1.0))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_an_empty_batch_stays_empty(body, shape):
    x, f = body.draw(*shape, 8, 8), body.draw(4, 4)
    assert body.call(op, x, f, [2, 2], [1, 1], [2, 1, 2, 1], False, 1.0).shape == (*shape, 16, 16)


@pytest.mark.parametrize("gain", [1.0, 16.0])
def test_half_precision_does_not_overflow_between_the_passes(body, gain):
    x = torch.full([1, 1, 20, 20], 3000.0, dtype=torch.float16, device=body.device)
    f = torch.full([12], 1 / 12, device=body.device)
    y = body.call(op, x, f, [1, 1], [1, 1], [6, 5, 6, 5], False, gain)
    assert y.isfinite().all() and y[0, 0, 10, 10] == 3000 * gain


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_agree_with_the_golden_numbers(body, case):
    options = dict(CASES[case]["kwargs"])
    options["flip"] = options.pop("flip_filter", False)
    golden = {name: value.to(body.device) for name, value in golden_tensors(COPIES / "upfirdn2d.npz", case).items()}
    x = golden["x"].requires_grad_()
    with body.active():
        y = FUNCTIONS[CASES[case]["fn"]](x, golden.get("f"), **options)
        (dx,) = torch.autograd.grad(y, x, golden["g"])
    assert_golden(y, golden["y"].cpu(), relative=1e-6)  # the golden numbers multiply filter and gain in float32
    assert_golden(dx, golden["dx"].cpu(), relative=1e-6)


@pytest.mark.parametrize("taps", [(3, 4), (4,)])
@pytest.mark.parametrize(("up", "down"), [(2, 1), (1, 2), (3, 2)])
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(body, up, down, taps):
    x, f = body.draw(1, 2, 4, 5).requires_grad_(), body.draw(*taps, seed=1)
    with body.active():
        assert gradcheck(lambda x: upfirdn2d(x, f, up=up, down=down, padding=[2, 1, 3, 1]), (x,))
        assert gradgradcheck(lambda x: upfirdn2d(x, f, up=up, down=down, padding=[2, 1, 3, 1]), (x,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 5)}, r"x of shape \[3, 4, 5\] is not \[N, C, H, W\]"),
        ({"x": torch.zeros(1, 1, 4, 5).int()}, "no kernel for type Int"),
        ({"f": torch.zeros(1, 2, 3)}, r"f of shape \[1, 2, 3\] is neither \[taps\] nor \[height, width\]"),
        ({"up": [0, 1]}, "up and down begin at 1"),
        ({"down": [1]}, "up and down take two numbers, padding four"),
        ({"padding": [0, 0, -2, -2]}, r"padding \[0, 0, -2, -2\] leaves nothing of 5x4 pixels"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(body, change, message):
    call = {"x": torch.zeros(1, 1, 4, 5), "f": torch.ones(2, 2), "up": [1, 1], "down": [1, 1], "padding": [0, 0, 0, 0]}
    arguments = [v.to(body.device) if isinstance(v, torch.Tensor) else v for v in (call | change).values()]
    with pytest.raises(RuntimeError, match=f"upfirdn2d: {message}"):
        body.call(op, *arguments, False, 1.0)


factors = st.tuples(st.integers(1, 3), st.integers(1, 3)) | st.sampled_from([(1, 1), (2, 2)])


def assert_random_twin(body, size, layout, taps, up, down, padding, flip, dtype) -> None:
    for axis in (0, 1):  # x, then y
        pixels = size[3 - axis] * up[axis]
        before, after = padding[2 * axis : 2 * axis + 2]
        assume(pixels + before + after >= taps[-1 if axis == 0 else 0] and pixels + min(0, before) + min(0, after) > 0)
    x, f = LAYOUTS[layout](body.draw(*size, dtype=dtype)), body.draw(*taps, seed=1)
    assert_twin(body, op, x, f, list(up), list(down), list(padding), flip, 1.5, **tolerance(dtype, taps))


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twin,
    few=60,
    size=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)),
    layout=st.sampled_from(list(LAYOUTS)),
    taps=st.tuples(st.integers(1, 9), st.integers(1, 9)) | st.tuples(st.integers(1, 26)),
    up=factors,
    down=factors,
    padding=st.tuples(*[st.integers(-4, 12)] * 4),
    flip=st.booleans(),
    dtype=st.sampled_from(DTYPES),
)
