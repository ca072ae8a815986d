import pytest
import torch
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.twins import DTYPES, LAYOUTS, assert_threads_change_nothing, assert_twin, random_twins
from torch_utils.ops.warp import warp

forward, backward = torch.ops.kaokore.warp.default, torch.ops.kaokore.warp_backward.default
IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

# A position in float32 is off by some millionths of the picture's size, and so is the look-up by as much of a pixel.
TOLERANCES = {torch.float32: {"atol": 2e-4}, torch.float16: {"atol": 2e-3}, torch.bfloat16: {"atol": 1e-2}}


def tilted(body, count, amount=0.3):
    return torch.tensor(IDENTITY, device=body.device).double() + amount * body.draw(count, 2, 3, seed=1)


def assert_both_twins(body, x, matrices, size, layout=lambda x: x) -> None:
    tolerances = TOLERANCES.get(x.dtype, {})
    assert_twin(body, forward, x, matrices, list(size), **tolerances)
    dy = layout(body.draw(*x.shape[:2], *size, seed=2, dtype=x.dtype))
    assert_twin(body, backward, dy, matrices, list(x.shape[2:]), **tolerances)


@pytest.mark.parametrize(
    "sizes", [((5, 7), (5, 7)), ((1, 1), (1, 1)), ((4, 6), (9, 3)), ((20, 17), (31, 25)), ((70, 9), (6, 75))]
)
@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_twin_of_the_plain_body(body, dtype, channels, sizes):
    assert_both_twins(body, body.draw(3, channels, *sizes[0], dtype=dtype), tilted(body, 3), sizes[1])


@pytest.mark.parametrize(
    "matrix",
    [
        IDENTITY,
        [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]],
        [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.1, 0.0, 0.3], [0.0, 0.1, -0.2]],
        [[7.0, 1.0, 0.0], [2.0, 9.0, 0.5]],
        [[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]],
        [[0.0, 0.0, 0.1], [0.0, 0.0, 0.2]],
        [[1.0, 2.0, 0.0], [0.5, 1.0, 0.0]],
        [[1.0, 1.0, 0.1], [1.0, 1.0001, 0.0]],
    ],
    ids=["identity", "turned", "mirrored", "near", "far", "beside", "one point", "a line", "nearly a line"],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_any_matrix_goes(body, dtype, matrix):
    matrices = torch.tensor([matrix], dtype=torch.float64, device=body.device) + 1e-5
    assert_both_twins(body, body.draw(1, 2, 9, 12, dtype=dtype), matrices, (11, 8))


@pytest.mark.parametrize("number", [1e30, -1e30, torch.inf, -torch.inf, torch.nan])
def test_what_lies_beyond_is_zero_and_what_lies_nowhere_is_no_number(body, number):
    x = body.draw(1, 2, 4, 5, dtype=torch.float32)
    matrices = torch.tensor([[[1.0, 0.0, number], [0.0, 1.0, 0.0]]], device=body.device)
    assert_twin(body, forward, x, matrices, [4, 5], equal_nan=True)
    assert_twin(body, backward, x, matrices, [4, 5], equal_nan=True)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_of_what_lies_beyond_nothing_is_added_not_even_what_is_infinite(body, sign):
    x = torch.full([1, 1, 4, 5], torch.inf, device=body.device)
    matrices = torch.tensor([[[1.0, 0.0, 0.93 * sign], [0.0, 1.0, 0.31 * sign]]], device=body.device)
    y = body.call(forward, x, matrices, [4, 5])
    assert y.isinf().any() and (y == 0).any() and not y.isnan().any()
    assert_twin(body, forward, x, matrices, [4, 5])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_does_not_matter(body, dtype, layout):
    matrices = tilted(body, 2).permute(1, 2, 0).contiguous().permute(2, 0, 1)
    x = LAYOUTS[layout](body.draw(2, 3, 5, 8, dtype=dtype))
    assert_both_twins(body, x, matrices.float(), (6, 7), LAYOUTS[layout])
    assert body.call(forward, x, matrices, [6, 7]).is_contiguous()


def test_the_transpose_is_exact(body):
    x, dy, matrices = body.draw(2, 3, 12, 15), body.draw(2, 3, 9, 21, seed=2), tilted(body, 2)
    there = (body.call(forward, x, matrices, [9, 21]) * dy).sum()
    back = (body.call(backward, dy, matrices, [12, 15]) * x).sum()
    torch.testing.assert_close(there, back, rtol=1e-13, atol=1e-13)


def test_results_are_the_same_to_the_last_bit_however_many_threads_there_are(body):
    x, dy, matrices = body.draw(3, 6, 60, 90), body.draw(3, 6, 75, 131, seed=2), tilted(body, 3)
    assert_threads_change_nothing(lambda: body.call(forward, x, matrices, [75, 131]))
    assert_threads_change_nothing(lambda: body.call(backward, dy, matrices, [60, 90]))


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_an_empty_batch_stays_empty(body, shape):
    assert body.call(forward, body.draw(*shape), tilted(body, shape[0]), [5, 6]).shape == (*shape[:2], 5, 6)
    assert body.call(backward, body.draw(*shape), tilted(body, shape[0]), [5, 6]).shape == (*shape[:2], 5, 6)


def test_first_and_second_derivatives_are_right(body):
    x, matrices = body.draw(2, 2, 4, 5).requires_grad_(), tilted(body, 2)
    with body.active():
        assert gradcheck(lambda x: warp(x, matrices, (5, 3)), (x,))
        assert gradgradcheck(lambda x: warp(x, matrices, (5, 3)).square(), (x,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 5)}, r"x of shape \[3, 4, 5\] is not \[N, C, H, W\]"),
        ({"x": torch.zeros(2, 1, 4, 5).int()}, "no kernel for type Int"),
        ({"matrices": torch.zeros(1, 2, 3)}, r"matrices of shape \[1, 2, 3\] are not \[N, 2, 3\] for x of shape"),
        ({"size": [4]}, r"size is not \(height, width\)"),
    ],
)
@pytest.mark.parametrize("op", [forward, backward])
def test_what_does_not_fit_is_refused_in_one_line(body, op, change, message):
    call = {"x": torch.zeros(2, 1, 4, 5), "matrices": torch.zeros(2, 2, 3), "size": [4, 5]} | change
    arguments = [v.to(body.device) if isinstance(v, torch.Tensor) else v for v in call.values()]
    with pytest.raises(RuntimeError, match=f"{op._schema.name.removeprefix('kaokore::')}: {message}"):
        body.call(op, *arguments)


def assert_random_twin(body, sizes, channels, seed, amount, dtype) -> None:
    x = body.draw(2, channels, *sizes[:2], dtype=dtype)
    matrices = torch.tensor(IDENTITY, device=body.device) + amount * body.draw(2, 2, 3, seed=seed)
    assert_both_twins(body, x, matrices, sizes[2:])


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twin,
    few=60,
    sizes=st.tuples(*[st.integers(1, 24)] * 4),
    channels=st.integers(1, 6),
    seed=st.integers(0, 2**31),
    amount=st.floats(0, 2),
    dtype=st.sampled_from(DTYPES),
)
