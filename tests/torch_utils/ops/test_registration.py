"""Every op as torch sees it, whatever body it has: its own checks, fake tensors, compiled graphs without a break."""

import pytest
import torch
from torch.library import opcheck

from torch_utils.ops.cases import CASES, Case, Pictures
from torch_utils.ops.differentiable import NAMESPACE
from torch_utils.ops.native import load_ops

PICTURES = {"cpu": Pictures(dtype=torch.float64), "cuda": Pictures(dtype=torch.float64, device="cuda")}


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def pictures(request) -> Pictures:
    """On the CPU and on a GPU, where there is one, with the CUDA bodies."""
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        load_ops("cuda", torch.device("cuda"), print)
    return PICTURES[request.param]


def inputs_of(case: Case, pictures: Pictures):
    """A case's arguments, and those among them that get gradients."""
    arguments = list(case.arguments(pictures))
    for place in case.differentiable:
        arguments[place].requires_grad_()
    return arguments, [arguments[place] for place in case.differentiable]


def results_of(call, arguments) -> list[torch.Tensor]:
    results = call(*arguments)
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    return [result for result in results if result.is_floating_point()]


def assert_compiles(case: Case, pictures: Pictures, backend: str) -> None:
    """Forward and gradients of a compiled graph in one piece are those of the op."""
    arguments, inputs = inputs_of(case, pictures)
    expected = results_of(case.overload, arguments)
    dy = [torch.randn_like(result) for result in expected]
    slopes = torch.autograd.grad(expected, inputs, dy, materialize_grads=True)
    torch._dynamo.reset()
    compiled = torch.compile(lambda *given: case.overload(*given), fullgraph=True, backend=backend)
    found = results_of(compiled, arguments)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, inputs, dy, materialize_grads=True), slopes)


def test_every_op_has_a_case():
    names = torch._C._dispatch_get_all_op_names()
    ours = {name for name in names if name.startswith(f"{NAMESPACE}::") and "pretended" not in name}
    assert ours == {case.op for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_torchs_own_checks_pass(pictures, case):
    opcheck(case.overload, tuple(inputs_of(case, pictures)[0]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_compiled_graph_needs_no_break(pictures, case):
    assert_compiles(case, pictures, "aot_eager")


# One case of each op: code is generated and compiled for all of them, which takes seconds each.
@pytest.mark.slow
@pytest.mark.parametrize("case", {case.op: case for case in CASES}.values(), ids=str)
def test_generated_code_calls_the_op(pictures, case):
    assert_compiles(case, pictures, "inductor")
