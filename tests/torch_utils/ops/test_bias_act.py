import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

from tests.support.closeness import assert_golden
from tests.support.golden import golden_cases, golden_tensors
from torch_utils.ops.bias_act import ACTIVATIONS, bias_act

VARIANTS = ["default", "gain_clamp", "alpha", "nobias", "dim0", "fc2d"]
OPTIONS = [{}, {"gain": 1.7, "clamp": 0.9}, {"alpha": 0.37, "gain": 0.5}]

# Written a second time, number by number, as the definition to be held against.
BY_DEFINITION = {
    "linear": lambda v, alpha: v,
    "relu": lambda v, alpha: max(v, 0.0),
    "lrelu": lambda v, alpha: v if v > 0 else alpha * v,
    "tanh": lambda v, alpha: math.tanh(v),
    "sigmoid": lambda v, alpha: 1 / (1 + math.exp(-v)),
    "elu": lambda v, alpha: v if v >= 0 else math.expm1(v),
    "selu": lambda v, alpha: 1.0507009873554805 * (v if v >= 0 else 1.6732632423543772 * math.expm1(v)),
    "softplus": lambda v, alpha: math.log1p(math.exp(v)),
    "swish": lambda v, alpha: v / (1 + math.exp(-v)),
}


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def away_from_kinks(x: torch.Tensor) -> torch.Tensor:
    """Finite differences need distance from 0 and from where the clamp begins."""
    return torch.where(x.abs() < 0.05, x + 0.1, x) * 0.9


def test_the_golden_file_holds_no_case_that_is_not_tried(shared):
    cases = golden_cases(shared / "golden" / "bias_act.npz")
    assert set(cases) == {f"{act}/{variant}" for act in ACTIVATIONS for variant in VARIANTS}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_values_and_two_derivatives_agree_with_the_golden_numbers(shared, act, variant):
    path = shared / "golden" / "bias_act.npz"
    options = golden_cases(path)[f"{act}/{variant}"]["kwargs"]
    golden = golden_tensors(path, f"{act}/{variant}")
    x, g = golden["x"].requires_grad_(), golden["g"].requires_grad_()
    inputs = [x, golden["b"].requires_grad_()] if "b" in golden else [x]
    y = bias_act(*inputs, act=act, **options)
    assert_golden(y, golden["y"], relative=1e-10)
    first = torch.autograd.grad(y, inputs, g, create_graph=True)
    for ours, name in zip(first, ["dx", "db"], strict=False):
        assert_golden(ours, golden[name], relative=1e-10)
    second = torch.autograd.grad((first[0] * golden["g2"]).sum(), [g, *inputs], allow_unused=True)
    for ours, name in zip(second, ["d2_g", "d2_x", "d2_b"], strict=False):
        expected = golden[name]
        assert_golden(torch.zeros_like(expected) if ours is None else ours, expected, relative=1e-10)


@pytest.mark.parametrize("act", ACTIVATIONS)
@settings(max_examples=20, deadline=None)
@given(
    value=st.floats(-8, 8),
    bias=st.floats(-2, 2),
    alpha=st.floats(0, 1),
    gain=st.floats(0.1, 3),
    clamp=st.none() | st.floats(0.1, 4),
)
def test_it_is_its_definition(act, value, bias, alpha, gain, clamp):
    x, b = torch.tensor([[value]], dtype=torch.float64), torch.tensor([bias], dtype=torch.float64)
    expected = BY_DEFINITION[act](value + bias, alpha) * gain
    expected = expected if clamp is None else max(-clamp, min(clamp, expected))
    assert bias_act(x, b, act=act, alpha=alpha, gain=gain, clamp=clamp).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "gain and clamp", "alpha"])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(act, options):
    # The sums x + b are what must keep away from kinks, so the biases are small and fixed.
    x, b = away_from_kinks(draw(2, 3, 4)).requires_grad_(), torch.tensor([0.01, -0.02, 0.0]).double().requires_grad_()
    assert gradcheck(lambda x, b: bias_act(x, b, act=act, **options), (x, b))
    assert gradgradcheck(lambda x, b: bias_act(x, b, act=act, **options), (x, b))


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "elu", "selu", "softplus", "swish"])
def test_the_third_derivative_exists_too(act):
    x = torch.tensor([[-1.5, -0.3, 0.4, 2.0]], dtype=torch.float64, requires_grad=True)
    b = torch.zeros(4, dtype=torch.float64)

    def slope(x):
        return torch.autograd.grad(bias_act(x, b, act=act).sum(), x, create_graph=True)[0]

    assert gradgradcheck(slope, (x,))


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_both_operators_pass_torchs_own_checks(act):
    x, dy = draw(2, 3, 4).requires_grad_(), draw(2, 3, 4, seed=1).requires_grad_()
    b = draw(3, seed=2).requires_grad_()
    for clamp in (None, 0.9):
        opcheck(torch.ops.kaokore.bias_act.default, (x, b, 1, act, 0.2, 1.5, clamp))
        opcheck(torch.ops.kaokore.bias_act_backward.default, (dy, x, b, 1, act, 0.2, 1.5, clamp))
        opcheck(torch.ops.kaokore.bias_act_gradients.default, (dy, x, b, 1, act, 0.2, 1.5, clamp))
    opcheck(torch.ops.kaokore.bias_act.default, (x, None, 1, act, 0.2, 1.5, None))


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_finite_near_and_of_its_type(act, dtype):
    x, b = (draw(4, 8, 5, 5) * 3).to(dtype).requires_grad_(), draw(8, seed=1).to(dtype).requires_grad_()
    y = bias_act(x, b, act=act)
    y.sum().backward()
    exact = bias_act(x.detach().double(), b.detach().double(), act=act)
    assert y.dtype == x.grad.dtype == b.grad.dtype == dtype
    assert x.grad.isfinite().all() and b.grad.isfinite().all()
    torch.testing.assert_close(y.double(), exact, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_large_numbers_give_no_nan(act):
    x = torch.tensor([[-1e4, -100.0, 100.0, 1e4]], requires_grad=True)
    y = bias_act(x, act=act)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert y.isfinite().all() and slope.isfinite().all()
    (curvature,) = torch.autograd.grad(slope.sum(), x, allow_unused=True)
    assert curvature is None or curvature.isfinite().all()


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
def test_the_layout_in_memory_does_not_matter(view):
    x, b = draw(2, 3, 4, 6), draw(3, seed=1)
    g = torch.ones_like(view(x).contiguous())
    grads = []
    for shape in (view, lambda x: view(x).contiguous()):
        leaf = x.clone().requires_grad_()
        y = bias_act(shape(leaf), b, act="swish", clamp=0.8)
        grads.append((y.detach(), torch.autograd.grad(y, leaf, g)[0]))
    torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=0)


def test_an_empty_batch_stays_empty():
    x, b = torch.zeros(0, 3, 4, 4, requires_grad=True), torch.zeros(3, requires_grad=True)
    y = bias_act(x, b, act="lrelu", clamp=1.0)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3, 4, 4)
    assert b.grad.abs().sum() == 0


@pytest.mark.parametrize("dim", [0, 1, 2, 3, -1])
def test_the_bias_lies_along_its_dimension(dim):
    x = torch.zeros(2, 3, 4, 5)
    b = torch.arange(float(x.shape[dim]))
    y = bias_act(x, b, dim=dim)
    torch.testing.assert_close(y.movedim(dim, -1), b.expand(y.movedim(dim, -1).shape))


def test_a_bias_of_every_element_gets_the_gradient_of_every_element():
    x, b = draw(5).requires_grad_(), draw(5, seed=1).requires_grad_()
    dx, db = torch.autograd.grad(bias_act(x, b, dim=0, act="tanh"), [x, b], draw(5, seed=2))
    assert torch.equal(dx, db)


def test_the_input_is_left_as_it_was():
    x, b = draw(2, 3), draw(3, seed=1)
    before = x.clone()
    bias_act(x, clamp=0.1)
    bias_act(x, b, act="relu", clamp=0.1)
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("size", "dim"),
    [((2, 3, 5, 7), 1), ((6, 5), 1), ((3, 4), 0), ((2, 1, 150, 150), 1), ((2, 3, 130, 140), 1), ((0, 3, 2, 2), 1)],
)
@pytest.mark.parametrize("act", ["lrelu", "tanh"])
def test_both_gradients_at_once_are_each_of_them(act, size, dim, dtype):
    x, dy, b = draw(*size).to(dtype), draw(*size, seed=1).to(dtype), draw(size[dim], seed=2).to(dtype)
    for layout in (torch.contiguous_format, torch.channels_last):
        if len(size) != 4 and layout == torch.channels_last:
            continue
        options = (dim, act, 0.2, 1.5, 0.9)
        inputs = dy.contiguous(memory_format=layout), x.contiguous(memory_format=layout), b
        dx, db = torch.ops.kaokore.bias_act_gradients(*inputs, *options)
        expected = torch.ops.kaokore.bias_act_backward(*inputs, *options)
        # Loops of another shape take other forms of tanh, equal within 4 units in the last place.
        torch.testing.assert_close(dx, expected, **({"rtol": 0, "atol": 0} if act == "lrelu" else {}))
        total = expected.double().sum([axis for axis in range(len(size)) if axis != dim])
        tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
        torch.testing.assert_close(db.double(), total, rtol=tolerance, atol=tolerance * max(x.numel(), 1) ** 0.5)
