"""An op of ours that only tests know, y = factor · x, to which they can give wrong bodies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from torch_utils.ops.cases import Case

NAME, BACKWARD = "kaokore::pretended", "kaokore::pretended_backward"
CASES = tuple(Case(name, "tripled", lambda p: (p.pictures(), 3.0)) for name in (NAME, BACKWARD))

for _name, _schema in ((NAME, "(Tensor x, float factor) -> Tensor"), (BACKWARD, "(Tensor dy, float factor) -> Tensor")):
    torch.library.define(_name, _schema)
    torch.library.impl(_name, "CompositeExplicitAutograd", lambda x, factor: x * factor)


def _save(ctx, inputs, output):
    ctx.factor = inputs[1]


def _backward(ctx, dy):
    return torch.ops.kaokore.pretended_backward(dy, ctx.factor), None


def _double_backward(ctx, g):
    return torch.ops.kaokore.pretended(g, ctx.factor), None


torch.library.register_autograd(NAME, _backward, setup_context=_save)
torch.library.register_autograd(BACKWARD, _double_backward, setup_context=_save)


@contextmanager
def compiled(bodies: dict[str, Callable]) -> Iterator[None]:
    """As if a library with bodies for the CPU were loaded, until the block ends."""
    library = torch.library.Library("kaokore", "IMPL")
    for name, body in bodies.items():
        library.impl(name.partition("::")[2], body, "CPU")
    try:
        yield
    finally:
        library._destroy()
