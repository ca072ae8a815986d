"""The plain body of an op, whatever compiled ones are loaded: the specification to compare with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from torch_utils.ops.differentiable import NAMESPACE

# The plain body is registered for every device, so it also fills the slot of a device that nobody has. A call that is
# sent to that slot runs it on tensors of any device.
_NOBODYS = torch._C.DispatchKeySet(torch._C.DispatchKey.PrivateUse3)


def plain(op: OpOverload, *arguments: Any) -> Any:
    """Call an op's plain body, without derivative."""
    return op.redispatch(_NOBODYS, *arguments)


class _Plain(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == NAMESPACE:
            return func.redispatch(_NOBODYS, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


@contextmanager
def plain_bodies() -> Iterator[None]:
    """Inside, every op of ours runs its plain body, forward and backward. Slow: for comparing, not for training."""
    with _Plain():
        yield


def compiled_ops(device_type: str, among: Sequence[str]) -> list[str]:
    """Those of the named ops ("kaokore::bias_act") that have a body of their own for a kind of device."""
    key = {"cpu": "CPU", "cuda": "CUDA"}[device_type]
    return [name for name in among if torch._C._dispatch_has_kernel_for_dispatch_key(name, key)]
