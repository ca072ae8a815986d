"""Foreign tensors under our names: every one used, every parameter of ours filled, every fixed filter compared."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from networks.public.records import RefusedError

_FILTER_TOLERANCE = 1e-5


def renamed(tensors: Mapping[str, Tensor], rename: Callable[[str], str], title: str) -> dict[str, Tensor]:
    """The tensors by our names, as float32 copies of their own.

    Raises:
        RefusedError: two get one name, or a tensor is not of real numbers.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise RefusedError(f"{title}: {name} is of {tensor.dtype}, not of real numbers")
        if rename(name) in found:
            raise RefusedError(f"{title}: {name} and another tensor get one name")
        found[rename(name)] = tensor
    return found


def fitting(build: Callable[[], nn.Module], tensors: Mapping[str, Tensor], title: str) -> dict[str, Tensor]:
    """The tensors as float32 copies, once they are known to fit the network exactly; it is built without memory.

    Raises:
        RefusedError: any missing, left over, or of another shape.
    """
    with torch.device("meta"):
        own = build().state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise RefusedError(f"{title}: it has no tensor for {name}")
        if tensors[name].shape != tensor.shape:
            raise RefusedError(f"{title}: {name} is {_sides(tensors[name])}, its options ask for {_sides(tensor)}")
    for name in tensors:
        if name not in own:
            raise RefusedError(f"{title}: its tensor {name} has no place here")
    return {name: tensors[name].float().contiguous().clone() for name in own}


def without_filters(
    tensors: Mapping[str, Tensor], suffix: str, expected: Callable[[str], Tensor | None], title: str
) -> dict[str, Tensor]:
    """The tensors without the fixed filters, which our networks compute: each must be the one that ours is.

    Args:
        expected: our filter for a foreign name; None where we have none.
    Raises:
        RefusedError: a filter differs from ours.
    """
    for name, tensor in tensors.items():
        if not name.endswith(suffix):
            continue
        own = expected(name)
        if own is None or own.shape != tensor.shape or not torch.allclose(own, tensor.float(), atol=_FILTER_TOLERANCE):
            raise RefusedError(f"{title}: {name} is another filter than ours")
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(suffix)}


def _sides(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
