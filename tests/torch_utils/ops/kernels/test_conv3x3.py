import pytest
import torch
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.twins import DTYPES, LAYOUTS, assert_threads_change_nothing, assert_twin, random_twins
from torch_utils.ops.conv3x3 import conv3x3

op, weight_op = torch.ops.kaokore.conv3x3.default, torch.ops.kaokore.conv3x3_weight.default
# Whole tiles and parts of them, one and several; width and height swapped would be seen.
SIZES = [(1, 1), (2, 3), (4, 4), (5, 8), (7, 18), (12, 9)]
# Less than a vector, one, several, and some more; one row of registers and several.
CHANNELS = [(1, 1), (3, 5), (16, 8), (33, 17), (8, 32), (64, 48)]


@pytest.fixture(scope="module", params=["cpp"])
def body(request):
    """There is no CUDA kernel: cuDNN has as much to offer."""
    return request.getfixturevalue(f"{request.param}_body")


def tolerance(dtype, terms):
    """Sums of so many terms cancel, and the transforms round a few times more; half types are rounded at the end."""
    return {"atol": terms**0.5 * {torch.float64: 3e-14, torch.float32: 1.2e-5}.get(dtype, 2e-5)}


def assert_all_twins(body, x, channels, dtype=None, layout=LAYOUTS["contiguous"]) -> None:
    dtype = dtype or x.dtype
    w = body.draw(channels, x.shape[1], 3, 3, seed=1, dtype=dtype)
    dy = layout(body.draw(x.shape[0], channels, *x.shape[2:], seed=2, dtype=dtype))
    assert_twin(body, op, x, w, False, **tolerance(dtype, 9 * x.shape[1]))
    assert_twin(body, op, dy, w, True, **tolerance(dtype, 9 * channels))
    assert_twin(body, weight_op, dy, x, **tolerance(dtype, x.numel() // max(x.shape[1], 1)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
def test_every_size_in_every_type_is_the_twin_of_the_plain_body(body, channels, dtype):
    for size in SIZES:
        for layout in ("contiguous", "channels last"):
            x = LAYOUTS[layout](body.draw(2, channels[0], *size, dtype=dtype))
            assert_all_twins(body, x, channels[1], layout=LAYOUTS[layout])


def test_more_tiles_than_are_worked_on_together_go(body):
    assert_all_twins(body, body.draw(5, 3, 66, 70, dtype=torch.float32), 4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_does_not_matter(body, dtype, layout):
    x = LAYOUTS[layout](body.draw(2, 19, 6, 9, dtype=dtype))
    assert_all_twins(body, x, 7, layout=LAYOUTS[layout])
    w = LAYOUTS[layout](body.draw(7, 19, 3, 3, seed=1, dtype=dtype))
    assert_twin(body, op, x, w, False, **tolerance(dtype, 9 * 19))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_result_lies_as_the_picture_does_and_is_of_its_type(body, dtype):
    for layout, make in LAYOUTS.items():
        x = make(body.draw(2, 3, 8, 8, dtype=dtype))
        y = body.call(op, x, body.draw(5, 3, 3, 3, dtype=dtype), False)
        form = torch.channels_last if layout == "channels last" else torch.contiguous_format
        assert y.is_contiguous(memory_format=form) and y.dtype == dtype


@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_the_number_of_threads_does_not_change_a_bit(body, layout):
    x, dy = (LAYOUTS[layout](body.draw(4, c, 61, 90, seed=c, dtype=torch.float32)) for c in (20, 16))
    w = body.draw(16, 20, 3, 3, seed=1, dtype=torch.float32)
    assert_threads_change_nothing(lambda: body.call(op, x, w, False))
    assert_threads_change_nothing(lambda: body.call(op, dy, w, True))
    assert_threads_change_nothing(lambda: body.call(weight_op, dy, x))


def test_a_picture_does_not_depend_on_the_others_of_its_batch(body):
    x, w = body.draw(9, 16, 12, 20, dtype=torch.float32), body.draw(16, 16, 3, 3, seed=1, dtype=torch.float32)
    alone = torch.cat([body.call(op, picture[None], w, False) for picture in x])
    assert torch.equal(body.call(op, x, w, False), alone)


def test_errors_are_not_much_larger_than_those_of_torch(body):
    x, w = body.draw(1, 64, 32, 32), body.draw(64, 64, 3, 3, seed=1)
    exact = op(x, w, False)
    ours = body.call(op, x.float(), w.float(), False) - exact
    torchs = torch.nn.functional.conv2d(x.float(), w.float(), padding=1) - exact
    assert 0 < ours.square().mean().sqrt() < 4.5 * torchs.square().mean().sqrt()


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0)])
def test_of_nothing_comes_nothing(body, shape):
    x, w, dy = body.draw(*shape), body.draw(5, shape[1], 3, 3), body.draw(shape[0], 5, *shape[2:])
    y, dw = body.call(op, x, w, False), body.call(weight_op, dy, x)
    assert y.shape == (shape[0], 5, *shape[2:]) and not y.any()
    assert dw.shape == (5, shape[1], 3, 3) and not dw.any()


@pytest.mark.parametrize("size", [(1, 1), (5, 3)])
def test_first_and_second_derivatives_are_right(body, size):
    x, w = body.draw(2, 2, *size).requires_grad_(), body.draw(3, 2, 3, 3, seed=1).requires_grad_()
    with body.active():
        assert gradcheck(conv3x3, (x, w))
        assert gradgradcheck(conv3x3, (x, w))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 5)}, r"x of shape \[3, 4, 5\] is not \[N, C, H, W\]"),
        ({"x": torch.zeros(1, 2, 4, 5).int(), "w": torch.zeros(3, 2, 3, 3).int()}, "no kernel for type Int"),
        ({"w": torch.zeros(3, 1, 3, 3)}, r"w of shape \[3, 1, 3, 3\] does not fit x of shape \[1, 2, 4, 5\]"),
        ({"w": torch.zeros(2, 3, 3)}, r"w of shape \[2, 3, 3\] does not fit x"),
        ({"w": torch.zeros(3, 2, 3, 2)}, r"w of shape \[3, 2, 3, 2\] does not fit x"),
        ({"transposed": True}, r"w of shape \[3, 2, 3, 3\] does not fit x"),
        ({"w": torch.zeros(3, 2, 3, 3).double()}, "w is of type Double, x of type Float"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(body, change, message):
    call = {"x": torch.zeros(1, 2, 4, 5), "w": torch.zeros(3, 2, 3, 3), "transposed": False} | change
    with pytest.raises(RuntimeError, match=f"conv3x3: {message}"):
        body.call(op, *call.values())


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 3, 4, 4), (3, 4, 5)])
def test_a_gradient_that_does_not_fit_is_refused_in_one_line(body, shape):
    with pytest.raises(RuntimeError, match=r"conv3x3_weight: (dy|x) of shape \[[0-9, ]*\] (does not fit|is not)"):
        body.call(weight_op, torch.zeros(shape), torch.zeros(1, 2, 4, 5))


def assert_random_twins(body, size, channels, layout, dtype) -> None:
    assert_all_twins(body, LAYOUTS[layout](body.draw(*size, dtype=dtype)), channels, layout=LAYOUTS[layout])


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twins,
    few=40,
    size=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 21), st.integers(1, 21)),
    channels=st.integers(1, 40),
    layout=st.sampled_from(list(LAYOUTS)),
    dtype=st.sampled_from(DTYPES),
)
