import pytest
import torch
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.closeness import assert_golden
from tests.support.golden import golden_cases, golden_tensors
from tests.support.twins import DTYPES, LAYOUTS, assert_threads_change_nothing, assert_twin, random_twins
from torch_utils.ops.bias_act import ACTIVATIONS, bias_act, reads_output

forward, backward = torch.ops.kaokore.bias_act.default, torch.ops.kaokore.bias_act_backward.default
gradients = torch.ops.kaokore.bias_act_gradients.default


def assert_both_twins(body, x, b, dim, act, alpha, gain, clamp, layout=lambda x: x) -> None:
    """Forward, and from what it saves backward, without and with the gradient of the bias."""
    options = (dim, act, alpha, gain, clamp)
    assert_twin(body, forward, x, b, *options)
    seen = body.call(forward, x, b, *options) if reads_output(act, alpha, gain) else x
    dy = layout(body.draw(*x.shape, seed=3, dtype=x.dtype)) if x.ndim == 4 else body.draw(*x.shape, dtype=x.dtype)
    assert_twin(body, backward, dy, seen, b, *options)
    # What is left where many numbers cancel is held against their size, not its own.
    size_of_sums = {"atol": 1e-5 * x.numel() ** 0.5} if x.dtype == torch.float32 else {}
    assert_twin(body, gradients, dy, seen, b, *options, **size_of_sums)


@pytest.mark.parametrize("clamp", [None, 0.75])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_every_activation_in_every_type_is_the_twin_of_the_plain_body(body, act, dtype, clamp):
    x, b = body.draw(2, 3, 5, 7, dtype=dtype), body.draw(3, seed=1, dtype=dtype)
    assert_both_twins(body, x, b, 1, act, 0.25, 1.5, clamp)
    assert_both_twins(body, x, None, 1, act, 0.25, 1.5, clamp)


# The last two: planes and rows that are converted in more than one piece.
@pytest.mark.parametrize(
    "size",
    [(2, 3, 5, 7), (2, 8, 4, 4), (1, 1, 1, 1), (3, 16, 1, 1), (2, 5, 64, 1), (2, 3, 35, 41), (2, 1100, 2, 1)],
)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_does_not_matter(body, dtype, layout, size):
    x, b = LAYOUTS[layout](body.draw(*size, dtype=dtype)), body.draw(size[1], seed=1, dtype=dtype)
    for act in ("lrelu", "swish"):
        assert_both_twins(body, x, b, 1, act, 0.25, 1.5, 0.75, LAYOUTS["channels last"])
        assert_both_twins(body, x, b, 1, act, 0.25, 1.5, 0.75)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_result_is_laid_out_as_torch_would(body, layout):
    x = LAYOUTS[layout](body.draw(2, 3, 4, 6))
    assert body.call(forward, x, None, 1, "relu", 0.0, 1.0, None).stride() == torch.empty_like(x).stride()
    y = body.call(backward, x.contiguous(), x, None, 1, "swish", 0.0, 1.0, None)
    assert y.stride() == torch.empty_like(x).stride()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dim", [0, 1, 2, 3, -1, -4])
def test_the_bias_lies_along_its_dimension(body, dim, layout):
    x = LAYOUTS[layout](body.draw(2, 3, 4, 8, dtype=torch.float32))
    b = body.draw(x.shape[dim], seed=1, dtype=torch.float32)
    assert_both_twins(body, x, b, dim, "swish", 0.0, 1.0, None)


# Of planes in several stretches, of rows in several tiles, of more columns than a block has threads.
@pytest.mark.parametrize(
    "size", [(2, 3, 95, 92), (2, 3, 96, 100), (3, 5, 40, 40), (150, 6), (7, 1100), (5, 2500), (2, 1, 9, 9)]
)
@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_the_bias_is_the_sum_of_that_of_x(body, dtype, memory, size):
    x, dy = body.draw(*size, dtype=dtype), body.draw(*size, seed=1, dtype=dtype)
    if len(size) == 4:
        x, dy = LAYOUTS[memory](x), LAYOUTS[memory](dy)
    b = body.draw(size[1], seed=2, dtype=dtype)
    size_of_sums = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 1e-1}[dtype]
    for act in ("lrelu", "relu", "swish"):
        options = (1, act, 0.25, 1.5, 0.75)
        assert_twin(body, gradients, dy, x, b, *options, atol=size_of_sums * x[:, 0].numel() ** 0.5)


def test_sums_repeat_to_the_last_bit(body):
    for size in ((2, 3, 96, 100), (300, 40)):
        x, dy = body.draw(*size, dtype=torch.float32), body.draw(*size, seed=1, dtype=torch.float32)
        once = body.call(gradients, dy, x, None, 1, "lrelu", 0.25, 1.5, None)
        for _ in range(3):
            again = body.call(gradients, dy, x, None, 1, "lrelu", 0.25, 1.5, None)
            assert all(torch.equal(a, b) for a, b in zip(again, once, strict=True))


@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
def test_the_number_of_threads_does_not_change_a_bit(cpp_body, memory):
    x = LAYOUTS[memory](cpp_body.draw(3, 5, 95, 92, dtype=torch.float32))
    b, options = cpp_body.draw(5, seed=1, dtype=torch.float32), (1, "swish", 0.0, 1.5, 0.75)
    assert_threads_change_nothing(lambda: cpp_body.call(forward, x, b, *options))
    assert_threads_change_nothing(lambda: cpp_body.call(gradients, x * 2, x, b, *options))


@pytest.mark.parametrize("shape", [(7,), (4, 6), (3, 4, 5), (2, 3, 2, 3, 2)])
def test_any_number_of_dimensions_goes(body, shape):
    for dim in range(len(shape)):
        x, b = body.draw(*shape), body.draw(shape[dim], seed=1)
        assert_both_twins(body, x, b, dim, "tanh", 0.0, 1.0, None)


def test_a_bias_of_any_stride_goes(body):
    x, b = body.draw(2, 8, 4), body.draw(16, seed=1)
    assert_both_twins(body, x, b[::2], 1, "elu", 0.0, 1.0, None)
    assert_both_twins(body, x, b[:1].expand(8), 1, "elu", 0.0, 1.0, None)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 4, 4), (3, 0)])
def test_an_empty_tensor_stays_empty(body, shape):
    x, b = body.draw(*shape), body.draw(shape[1])
    assert body.call(forward, x, b, 1, "lrelu", 0.2, 1.0, None).shape == shape
    assert body.call(backward, x, x, b, 1, "lrelu", 0.2, 1.0, None).shape == shape
    dx, db = body.call(gradients, x, x, b, 1, "lrelu", 0.2, 1.0, None)
    assert dx.shape == shape and db.tolist() == [0] * shape[1]


@pytest.mark.parametrize("clamp", [0.1, 0.9, 3.3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("act", ["linear", "lrelu", "swish"])
def test_clamped_results_get_no_gradient_however_the_limit_is_rounded(body, act, dtype, clamp):
    x = torch.full([1, 9], 100.0, dtype=dtype, device=body.device)
    y = body.call(forward, x, None, 1, act, 0.2, 1.0, clamp)
    assert (y == torch.tensor(clamp, dtype=dtype)).all()
    seen = y if reads_output(act, 0.2, 1.0) else x
    assert (body.call(backward, x, seen, None, 1, act, 0.2, 1.0, clamp) == 0).all()


@pytest.mark.parametrize("memory", ["contiguous", "channels last"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_as_torch_rounds(body, dtype, memory):
    every = (
        torch.arange(2**16, dtype=torch.int32).to(torch.uint16).view(dtype)
    )  # every number there is, and what is none
    x = LAYOUTS[memory](every.reshape(1, 16, 64, 64).to(body.device))
    for gain in (1.0, 1.0 + 2**-8, 1 / 3):
        y = body.call(forward, x, None, 1, "linear", 0.0, gain, None)
        torch.testing.assert_close(y, (x.float() * gain).to(dtype), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_nan_stays_nan(body, act):
    x = torch.full([1, 9], torch.nan, device=body.device)
    assert body.call(forward, x, None, 1, act, 0.2, 1.0, 0.75).isnan().all()


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_numbers_overflow_nowhere(body, act, dtype):
    x = torch.tensor([[-1e4, -100.0, -20.5, 20.5, 100.0, 1e4]], dtype=dtype, device=body.device)
    assert_both_twins(body, x, None, 1, act, 0.2, 1.0, None)


@pytest.mark.parametrize("variant", ["default", "gain_clamp", "alpha", "nobias", "dim0", "fc2d"])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_values_and_two_derivatives_agree_with_the_golden_numbers(body, shared, act, variant):
    path = shared / "golden" / "bias_act.npz"
    options = golden_cases(path)[f"{act}/{variant}"]["kwargs"]
    golden = {name: value.to(body.device) for name, value in golden_tensors(path, f"{act}/{variant}").items()}
    x, g = golden["x"].requires_grad_(), golden["g"].requires_grad_()
    inputs = [x, golden["b"].requires_grad_()] if "b" in golden else [x]
    with body.active():
        y = bias_act(*inputs, act=act, **options)
        first = torch.autograd.grad(y, inputs, g, create_graph=True)
        second = torch.autograd.grad((first[0] * golden["g2"]).sum(), [g, *inputs], allow_unused=True)
    names = ["y", "dx", "db", "d2_g", "d2_x", "d2_b"] if "b" in golden else ["y", "dx", "d2_g", "d2_x"]
    for ours, name in zip([y, *first, *second], names, strict=True):
        expected = golden[name].detach().cpu()
        assert_golden(torch.zeros_like(expected) if ours is None else ours, expected, relative=1e-10)


@pytest.mark.parametrize("act", ["lrelu", "swish"])
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(body, act):
    x = torch.linspace(-1.1, 1.3, 12, dtype=torch.float64, device=body.device).reshape(1, 3, 4).requires_grad_()
    b = body.draw(3, seed=1).mul(0.01).requires_grad_()
    with body.active():
        assert gradcheck(lambda x, b: bias_act(x, b, act=act), (x, b))
        assert gradgradcheck(lambda x, b: bias_act(x, b, act=act), (x, b))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": torch.zeros(4)}, r"b of shape \[4\] does not fit x of shape \[2, 3\]"),
        ({"b": torch.zeros(3).double()}, "b is of type Double, x of type Float"),
        ({"x": torch.zeros(2, 3).int(), "b": None}, "no kernel for type Int"),
        ({"act": "gelu"}, "no activation is named gelu"),
        ({"dim": 2}, "no such dim"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(body, change, message):
    call = {"x": torch.zeros(2, 3), "b": torch.zeros(3), "dim": 1, "act": "relu", "alpha": 0.0, "gain": 1.0}
    arguments = [v.to(body.device) if isinstance(v, torch.Tensor) else v for v in (call | change).values()]
    with pytest.raises(RuntimeError, match=f"bias_act: .*{message}"):
        body.call(forward, *arguments, None)


def assert_random_twin(body, size, order, dim, biased, act, alpha, clamp, dtype) -> None:
    order, dim = [axis for axis in order if axis < len(size)], dim % len(size)
    x = body.draw(*(size[axis] for axis in order), dtype=dtype).permute([order.index(a) for a in range(len(size))])
    b = body.draw(size[dim], seed=1, dtype=dtype) if biased else None
    assert_both_twins(body, x, b, dim, act, alpha, 1.5, clamp)


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twin,
    few=100,
    size=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    order=st.permutations(range(4)),
    dim=st.integers(0, 3),
    biased=st.booleans(),
    act=st.sampled_from(list(ACTIVATIONS)),
    alpha=st.floats(0.125, 1),
    clamp=st.sampled_from([None, 0.5, 1.25]),
    dtype=st.sampled_from(DTYPES),
)
