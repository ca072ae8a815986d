"""An operator's derivative, and the shortest road to both.

torch reaches a derivative that is written in Python through its dispatcher: a call goes from Python to C++ to Python to
C++, which costs more than the work on a small picture (docs/decisions/0014). Here a call of an ordinary program begins
where that would end. Whoever writes programs down (torch.compile, torch.export, torch.jit.trace) still sees the op.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

NAMESPACE = "kaokore"
# What torch's own derivatives written in Python use. Should a later torch lack one, only the short road is closed.
_PRIVATE = ("_AutoDispatchBelowAutograd", "_is_tracing")

Operator = Callable[..., Any]


def differentiable(name: str, *, save: Callable[..., None], backward: Callable[..., Any]) -> Operator:
    """Register the derivative of an operator of ours; return what calls the operator by the shortest road.

    Args:
        name: without the namespace; the operator is defined.
        save, backward: as torch.library.register_autograd takes them, save(ctx, inputs, output) and
            backward(ctx, *gradients). What backward calls may be differentiated again.
    Returns:
        A function of the operator's arguments, all given by position, that equals torch.ops.kaokore.<name>.
    """
    torch.library.register_autograd(f"{NAMESPACE}::{name}", backward, setup_context=save)
    op = getattr(getattr(torch.ops, NAMESPACE), name).default
    if not all(hasattr(torch._C, private) for private in _PRIVATE):
        return op
    below, traced = (getattr(torch._C, private) for private in _PRIVATE)
    apply = _function(name, op, below, save, backward).apply

    def call(*arguments: Any) -> Any:
        if torch.compiler.is_compiling() or traced():
            return op(*arguments)
        if torch.is_grad_enabled() and any(isinstance(given, Tensor) and given.requires_grad for given in arguments):
            return apply(*arguments)
        with below():
            return op(*arguments)

    return call


def _function(
    name: str, op: Operator, below: Any, save: Callable[..., None], backward: Callable[..., Any]
) -> type[torch.autograd.Function]:
    """The operator with its derivative, as torch.autograd knows functions."""

    def forward(ctx: Any, *arguments: Any) -> Any:
        with below():
            output = op(*arguments)
        save(ctx, arguments, output)
        return output

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), members)
