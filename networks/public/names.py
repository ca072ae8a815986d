"""What the names in foreign pickles stand for: a table of constructors of ours, passive records, or a refusal."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from networks.public.arrays import (
    PickledArray,
    PickledType,
    array_of_buffer,
    numpy_scalar,
    parameter,
    tensor_of_storage,
)
from networks.public.bounds import keys
from networks.public.machine import Globals
from networks.public.records import Constant, Constructor, Record, RecordClass, RefusedError, expect, shown

# Packages of the public programs and of torch's modules: their classes become records. Nothing of them is imported.
_RECORDED = re.compile(r"(torch_utils|dnnlib|training|metrics|torch\.nn\.modules|argparse)\.[\w.]{1,200}")
_STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


def _ordered(items: Any = ()) -> dict[Any, Any]:
    """OrderedDict(), or OrderedDict of pairs."""
    if isinstance(items, dict):
        return dict(items)
    pairs = [expect(pair, (list, tuple), "a pair") for pair in expect(items, (list, tuple), "pairs")]
    if any(len(pair) != 2 for pair in pairs):
        raise RefusedError("damaged: a key without a value")
    return dict(zip(keys([pair[0] for pair in pairs]), [pair[1] for pair in pairs], strict=True))


def _members(values: Any = ()) -> set[Any]:
    return set(keys(list(expect(values, (list, tuple, set), "members"))))


def _frozen(values: Any = ()) -> frozenset[Any]:
    return frozenset(_members(values))


def _latin(text: Any, encoding: Any = "latin1") -> bytes:
    """_codecs.encode: how protocol 2 writes bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise RefusedError(f"_codecs.encode to {shown(encoding)} is not let in")
    return expect(text, str, "encoded bytes").encode("latin-1")


def _size(sides: Any = ()) -> tuple[Any, ...]:
    return tuple(expect(sides, (tuple, list), "a shape"))


def _persistent_object(meta: Any) -> Record:
    """An object of the public programs: class, state, and a source text that nobody reads."""
    meta = expect(meta, dict, "a network")
    state = expect(meta.get("state"), dict, "a network's state")
    return Record(str(expect(meta.get("class_name"), str, "a network's class")), state=state)


CONTAINERS: dict[str, Any] = {
    "collections.OrderedDict": _ordered,
    "builtins.set": _members,
    "__builtin__.set": _members,
    "builtins.frozenset": _frozen,
    "__builtin__.frozenset": _frozen,
    "_codecs.encode": _latin,
    "torch.Size": _size,
    "dnnlib.util.EasyDict": _ordered,
    "dnnlib.EasyDict": _ordered,
}
NUMBERS: dict[str, Any] = {
    f"{package}.{name}": made
    for package in ("numpy.core", "numpy._core")
    for name, made in {
        "multiarray.scalar": numpy_scalar,
        "multiarray._reconstruct": PickledArray,
        "numeric._frombuffer": array_of_buffer,
    }.items()
} | {"numpy.dtype": PickledType}
TENSORS: dict[str, Any] = {
    "torch._utils._rebuild_tensor": tensor_of_storage,
    "torch._utils._rebuild_tensor_v2": tensor_of_storage,
    "torch._utils._rebuild_parameter": parameter,
    "torch._utils._rebuild_parameter_with_state": parameter,
}
NETWORKS: dict[str, Any] = {"torch_utils.persistence._reconstruct_persistent_obj": _persistent_object}
CONSTANTS: dict[str, Any] = {
    **{f"torch.{name}Storage": kind for name, kind in _STORAGES.items()},
    **{str(kind): kind for kind in _STORAGES.values()},  # torch.float32 and kin
    "numpy.ndarray": None,
}


def table(*constructors: Mapping[str, Any]) -> Globals:
    """A reader of names that knows these constructors, the constants, and whose classes become records."""
    known = {name: Constructor(name, build) for part in constructors for name, build in part.items()}
    known |= {name: Constant(name, value) for name, value in CONSTANTS.items()}

    def lookup(name: str) -> Any:
        if name in known:
            return known[name]
        if _RECORDED.fullmatch(name):
            return RecordClass(name)
        raise RefusedError(f"{_readable(name)} is not let in")

    return lookup


def storages_only(name: str) -> Any:
    """The names of a nested torch file: types of storage, nothing else."""
    if name.startswith("torch.") and name.endswith("Storage") and name in CONSTANTS:
        return Constant(name, CONSTANTS[name])
    raise RefusedError(f"{_readable(name)} inside a tensor's bytes is not let in")


def _readable(name: str) -> str:
    return name if len(name) <= 100 else name[:100] + "…"
