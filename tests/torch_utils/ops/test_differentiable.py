"""The short road to an op and its derivatives leads to where the dispatcher's does, and leaves it where it must."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support import pretended_op
from torch_utils.ops import (
    bias_act,
    conv3x3,
    differentiable,
    filtered_lrelu,
    synthesis_epilogue,
    upfirdn2d,
    warp,
)
from torch_utils.ops.cases import CASES, Case, Pictures

ROADS = {
    "kaokore::bias_act": bias_act._bias_act,
    "kaokore::bias_act_backward": bias_act.bias_act_backward,
    "kaokore::bias_act_gradients": bias_act._bias_act_gradients,
    "kaokore::conv3x3": conv3x3._conv3x3,
    "kaokore::conv3x3_weight": conv3x3._conv3x3_weight,
    "kaokore::filtered_lrelu": filtered_lrelu._filtered_lrelu,
    "kaokore::filtered_lrelu_signed": filtered_lrelu._filtered_lrelu_signed,
    "kaokore::synthesis_epilogue": synthesis_epilogue._synthesis_epilogue,
    "kaokore::synthesis_epilogue_backward": synthesis_epilogue._synthesis_epilogue_backward,
    "kaokore::upfirdn2d": upfirdn2d._upfirdn2d,
    "kaokore::warp": warp._warp,
    "kaokore::warp_backward": warp._warp_backward,
}
PICTURES = Pictures(dtype=torch.float64)


def differentiated(call, case: Case) -> list[torch.Tensor]:
    """Results, gradients, and gradients of the gradients' squares."""
    arguments = list(case.arguments(PICTURES))
    inputs = [arguments[place].requires_grad_() for place in case.differentiable]
    results = call(*arguments)
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    score = sum(result.square().sum() for result in results if result.is_floating_point())
    first = torch.autograd.grad(score, inputs, create_graph=True, materialize_grads=True)
    again = torch.autograd.grad(sum(slope.square().sum() for slope in first), inputs, materialize_grads=True)
    return [tensor.detach() for tensor in (*results, *first, *again)]


def test_every_op_has_a_short_road():
    assert set(ROADS) == {case.op for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_short_road_gives_the_same_results_and_derivatives(case):
    assert_close(differentiated(ROADS[case.op], case), differentiated(case.overload, case), rtol=0, atol=0)


@pytest.mark.parametrize("case", {case.op: case for case in CASES}.values(), ids=str)
def test_a_compiled_graph_holds_the_op_itself(case):
    torch._dynamo.reset()
    graphs = []

    def keep(graph, _inputs):
        graphs.append(graph)
        return graph

    road, arguments = ROADS[case.op], case.arguments(PICTURES)
    torch.compile(lambda *given: road(*given), fullgraph=True, backend=keep)(*arguments)
    (graph,) = graphs
    assert [node.target for node in graph.graph.nodes if node.op == "call_function"][:1] == [case.overload]


def test_whoever_listens_to_the_dispatcher_hears_the_op():
    heard = []

    class Listening(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            heard.append(func)
            return func(*args, **(kwargs or {}))

    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    with Listening():
        bias_act.bias_act(x.detach(), act="lrelu")
        torch.autograd.grad(bias_act.bias_act(x, act="lrelu"), x, torch.ones_like(x))
    ops = torch.ops.kaokore
    assert [op for op in heard if op.namespace == "kaokore"] == [
        ops.bias_act.default,
        ops.bias_act.default,
        ops.bias_act_backward.default,
    ]


def test_nothing_is_kept_for_a_derivative_that_nobody_asks_for():
    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    with torch.no_grad():
        assert bias_act.bias_act(x, act="lrelu").grad_fn is None
    assert bias_act.bias_act(x.detach(), act="lrelu").grad_fn is None
    with torch.inference_mode():
        assert bias_act.bias_act(torch.ones(1, 2, 3, 3), act="lrelu").is_inference()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_traced_program_holds_the_op_itself():
    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    traced = torch.jit.trace(lambda y: bias_act.bias_act(y, act="lrelu"), (x,), check_trace=False)
    assert "kaokore::bias_act" in {node.kind() for node in traced.graph.nodes()}


def test_the_road_can_be_mapped_over_a_batch():
    x = torch.arange(-6.0, 6.0).reshape(2, 2, 3)
    found = torch.func.vmap(lambda row: bias_act.bias_act(row, dim=0, act="lrelu"))(x)
    assert_close(found, bias_act.bias_act(x, act="lrelu"))


def test_where_torch_lacks_what_the_road_needs_it_is_the_op_itself(monkeypatch):
    monkeypatch.setattr(differentiable, "_PRIVATE", (*differentiable._PRIVATE, "_of_a_later_torch"))
    monkeypatch.setattr(torch.library, "register_autograd", lambda *_, **__: None)  # it has its derivative
    road = differentiable.differentiable("pretended", save=pretended_op._save, backward=pretended_op._backward)
    assert road is torch.ops.kaokore.pretended.default
