import pytest
import torch
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.twins import DTYPES, LAYOUTS, assert_threads_change_nothing, assert_twin, random_twins
from torch_utils.ops.synthesis_epilogue import synthesis_epilogue

forward = torch.ops.kaokore.synthesis_epilogue.default
backward = torch.ops.kaokore.synthesis_epilogue_backward.default

# One pixel, rows and columns that fill no tile, several tiles along channels, along pixels, along both.
SIZES = [
    *((1, 1, 1, 1), (2, 3, 5, 7), (3, 33, 4, 4), (2, 300, 3, 3), (2, 1100, 2, 1)),
    *((1, 8, 24, 32), (2, 40, 17, 19), (1, 3, 74, 75)),
]
NOISES = {"no noise": None, "one noise": 1, "noise of each": 0}


def arguments(body, size, dtype, noise="noise of each", scaled=True):
    count, channels, height, width = size
    scale = body.draw(count, channels, seed=1, dtype=dtype) if scaled else None
    rows = NOISES[noise]
    noises = None if rows is None else body.draw(rows or count, 1, height, width, seed=2, dtype=dtype)
    return body.draw(*size, dtype=dtype), scale, noises, body.draw(channels, seed=3, dtype=dtype)


def assert_both_twins(body, x, scale, noise, b, *options, layout=lambda x: x) -> None:
    """Forward, and backward from the output."""
    assert_twin(body, forward, x, scale, noise, b, *options)
    y, dy = body.call(forward, x, scale, noise, b, *options), layout(body.draw(*x.shape, seed=4, dtype=x.dtype))
    # What is left where a thousand numbers cancel is held against their size, not its own.
    size_of_sums = {"atol": 1e-4} if x.dtype == torch.float32 else {}
    assert_twin(body, backward, dy, y, x, scale, noise is not None, *options, **size_of_sums)


@pytest.mark.parametrize("clamp", [None, 0.75])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_input_may_be_absent(body, dtype, noise, scaled, clamp):
    assert_both_twins(body, *arguments(body, (2, 3, 5, 7), dtype, noise, scaled), 0.25, 1.5, clamp)


@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_size_in_every_type_is_the_twin_of_the_plain_body(body, dtype, size, memory):
    x, *others = arguments(body, size, dtype)
    assert_both_twins(body, LAYOUTS[memory](x), *others, 0.25, 1.5, 1.25, layout=LAYOUTS[memory])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_does_not_matter(body, dtype, layout):
    for size in ((2, 3, 5, 7), (2, 8, 4, 8)):
        x, scale, noise, b = arguments(body, size, dtype)
        assert_both_twins(body, LAYOUTS[layout](x), scale, noise, b, 0.25, 1.5, None, layout=LAYOUTS["channels last"])
        scale, noise, b = scale.t().contiguous().t(), LAYOUTS[layout](noise), b.repeat_interleave(2)[::2]
        assert_both_twins(body, x, scale, noise, b, 0.25, 1.5, None, layout=LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_are_laid_out_as_torch_would(body, layout):
    x, scale, noise, b = arguments(body, (2, 3, 4, 6), torch.float32)
    x, scale = LAYOUTS[layout](x), scale.t().contiguous().t()
    y = body.call(forward, x, scale, noise, b, 0.2, 1.0, None)
    dx, d_scale, *_ = body.call(backward, y, y, x, scale, True, 0.2, 1.0, None)
    assert y.stride() == dx.stride() == torch.empty_like(x).stride()
    assert d_scale.stride() == scale.stride()


@pytest.mark.parametrize("size", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 4, 4)])
def test_an_empty_tensor_gives_empty_results_and_sums_of_nothing(body, size):
    x, scale, noise, b = arguments(body, size, torch.float32)
    y = body.call(forward, x, scale, noise, b, 0.2, 1.0, None)
    assert y.shape == size
    results = body.call(backward, y, y, x, scale, True, 0.2, 1.0, None)
    assert [r.shape for r in results] == [x.shape, scale.shape, (size[0], 1, *size[2:]), b.shape]
    assert all((r == 0).all() for r in results)


@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
def test_sums_repeat_to_the_last_bit(body, memory):
    x, scale, _, _ = arguments(body, (2, 70, 16, 24), torch.float32)
    x, dy = LAYOUTS[memory](x), LAYOUTS[memory](body.draw(*x.shape, seed=4, dtype=torch.float32))
    once = body.call(backward, dy, x, x, scale, True, 0.2, 1.0, None)
    for _ in range(3):
        for result, expected in zip(body.call(backward, dy, x, x, scale, True, 0.2, 1.0, None), once, strict=True):
            assert torch.equal(result, expected)


@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
def test_the_number_of_threads_does_not_change_a_bit(cpp_body, memory):
    x, *others = arguments(cpp_body, (3, 5, 95, 92), torch.float32)
    x = LAYOUTS[memory](x)
    assert_threads_change_nothing(lambda: cpp_body.call(forward, x, *others, 0.2, 1.5, 0.75))
    assert_threads_change_nothing(lambda: cpp_body.call(backward, x * 2, x, x, others[0], True, 0.2, 1.5, None))


@pytest.mark.parametrize("dtype", DTYPES)
def test_clamped_results_get_no_gradient_however_the_limit_is_rounded(body, dtype):
    x, scale, noise, b = arguments(body, (1, 3, 2, 2), dtype)
    y = body.call(forward, x + 100, None, noise, b, 0.2, 1.0, 0.9)
    assert (y == torch.tensor(0.9, dtype=dtype)).all()
    assert all((r == 0).all() for r in body.call(backward, x, y, x, scale, True, 0.2, 1.0, 0.9))


@pytest.mark.parametrize("noise", ["one noise", "noise of each"])
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(body, noise):
    inputs = [a.requires_grad_() for a in arguments(body, (2, 2, 2, 3), torch.float64, noise)]
    with body.active():
        assert gradcheck(lambda *a: synthesis_epilogue(*a, clamp=2.0), inputs)
        assert gradgradcheck(lambda *a: synthesis_epilogue(*a, clamp=2.0), inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 3, 4)}, r"x of shape \[2, 3, 4\] is not \[N, C, H, W\]"),
        ({"scale": torch.zeros(3, 3)}, r"scale of shape \[3, 3\] does not fit x of shape \[2, 3, 4, 5\]"),
        ({"noise": torch.zeros(2, 1, 4, 4)}, r"noise of shape \[2, 1, 4, 4\] does not fit"),
        ({"noise": torch.zeros(1, 1, 4, 5).half()}, "noise is of type Half, x of type Float"),
        ({"b": torch.zeros(2)}, r"b of shape \[2\] does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(body, change, message):
    fitting = {"x": torch.zeros(2, 3, 4, 5), "scale": torch.zeros(2, 3), "noise": None, "b": torch.zeros(3)}
    inputs = [None if value is None else value.to(body.device) for value in (fitting | change).values()]
    with pytest.raises(RuntimeError, match=f"synthesis_epilogue: {message}"):
        body.call(forward, *inputs, 0.2, 1.0, None)


def assert_random_twin(body, size, dtype, noise, scaled, layouts, clamp) -> None:
    x, *others = arguments(body, size, dtype, noise, scaled)
    assert_both_twins(body, LAYOUTS[layouts[0]](x), *others, 0.25, 1.5, clamp, layout=LAYOUTS[layouts[1]])


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twin,
    few=40,
    size=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20)),
    dtype=st.sampled_from(DTYPES),
    noise=st.sampled_from(list(NOISES)),
    scaled=st.booleans(),
    layouts=st.lists(st.sampled_from(list(LAYOUTS)), min_size=2, max_size=2),
    clamp=st.sampled_from([None, 0.5, 1.25]),
)
