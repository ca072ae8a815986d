"""NumPy numbers and arrays, and torch tensors, as pickles spell them."""

import re
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from networks.public.records import RefusedError, expect, shown

# Never objects: reading those would unpickle.
_NUMERIC = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16)")
_MOST_DIMENSIONS = 8


class PickledType:
    """A numpy.dtype of numbers."""

    def __init__(self, name: Any, align: Any = False, copy: Any = True):
        if not isinstance(name, str) or not _NUMERIC.fullmatch(name):
            raise RefusedError(f"numpy.dtype {shown(name)} is not let in, only numbers are")
        self.type = np.dtype(name)

    def set_state(self, state: Any) -> None:
        """(version, byte order, no inner types, no names, …)"""
        parts = expect(state, tuple, "the state of a numpy.dtype")
        order = parts[1] if len(parts) > 1 else None
        inner = [part for part in parts[2:5] if part is not None]
        if order not in ("<", ">", "|", "=") or inner or len(parts) > 8:
            raise RefusedError("a numpy.dtype with parts is not let in, only numbers are")
        self.type = self.type.newbyteorder(order)


def numpy_scalar(kind: Any, content: Any = None) -> Any:
    """numpy.core.multiarray.scalar: one number, as Python's."""
    kind = expect(kind, PickledType, "the type of a NumPy number").type
    content = expect(content, bytes, "a NumPy number")
    if len(content) != kind.itemsize:
        raise RefusedError("damaged: a NumPy number of another length than its type")
    return np.frombuffer(content, kind)[0].item()


class PickledArray:
    """A numpy.ndarray, empty until its state is set."""

    def __init__(self, kind: Any = None, shape: Any = (0,), code: Any = b"b"):
        if shape != (0,):
            raise RefusedError("a numpy.ndarray that begins with contents is not let in")
        self.values = np.zeros(0, np.float32)

    def set_state(self, state: Any) -> None:
        """(version, shape, type, column order, bytes)"""
        parts = expect(state, tuple, "the state of a numpy.ndarray")
        if len(parts) != 5:
            raise RefusedError("damaged: a numpy.ndarray of another form")
        _, shape, kind, by_columns, content = parts
        self.values = _array(content, kind, shape, "F" if by_columns is True else "C")


def array_of_buffer(content: Any, kind: Any, shape: Any, order: Any = "C") -> PickledArray:
    """numpy.core.numeric._frombuffer: how protocol 5 writes arrays."""
    made = PickledArray()
    made.values = _array(content, kind, shape, "F" if order == "F" else "C")
    return made


def _array(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    kind = expect(kind, PickledType, "the type of a numpy.ndarray").type
    content = expect(content, (bytes, bytearray), "the content of a numpy.ndarray")
    sides = _sides(shape)
    if prod(sides) * kind.itemsize != len(content):
        raise RefusedError("damaged: a numpy.ndarray of another length than its shape")
    return np.frombuffer(content, kind).reshape(sides, order=order)


def _sides(shape: Any) -> tuple[int, ...]:
    sides = expect(shape, tuple, "a shape")
    if len(sides) > _MOST_DIMENSIONS or any(expect(side, int, "a side") not in range(2**40) for side in sides):
        raise RefusedError(f"a shape is {shown(shape)}")
    return sides


class Storage:
    """Numbers that tensors look into: a flat tensor."""

    def __init__(self, values: Tensor):
        self.values = values


def tensor_of_storage(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    """torch._utils._rebuild_tensor and _v2: a view, never larger than what it looks into."""
    values = expect(storage, Storage, "what a tensor looks into").values
    sides, steps = _sides(size), _sides(stride)
    if len(sides) != len(steps):
        raise RefusedError("damaged: a tensor with other strides than sides")
    offset = expect(offset, int, "a tensor's offset")
    last = offset + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    empty = 0 in sides
    if offset < 0 or prod(sides) > max(len(values), 1) or (not empty and last >= len(values)):
        raise RefusedError("damaged: a tensor larger than its storage")
    return values.new_zeros(sides) if empty else values.as_strided(sides, steps, offset)


def parameter(data: Any, *rest: Any) -> Tensor:
    """torch._utils._rebuild_parameter: the tensor alone."""
    return expect(data, Tensor, "a parameter")


def as_tensor(value: PickledArray | Tensor) -> Tensor:
    """A tensor of a module's state; an array is copied."""
    if isinstance(value, Tensor):
        return value
    return torch.from_numpy(value.values.astype(value.values.dtype.newbyteorder("="), copy=True))


def flat(content: bytes | memoryview, kind: torch.dtype, count: int) -> Tensor:
    """`count` numbers from the beginning of `content`, copied."""
    size = kind.itemsize * count
    if count < 0 or size > len(content):
        raise RefusedError("damaged: a storage is cut short")
    return torch.frombuffer(bytearray(content[:size]), dtype=kind) if count else torch.empty(0, dtype=kind)
