"""A public checkpoint as one of our snapshots: its story, and tensors by part, under our names."""

import dataclasses
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from networks.interface import ImageSpec
from networks.public import stylegan2
from networks.public.bounds import Budget
from networks.public.labels import even_counts
from networks.public.machine import Machine
from networks.public.modules import ForeignNetwork, foreign_network
from networks.public.names import CONTAINERS, NETWORKS, NUMBERS, TENSORS, table
from networks.public.records import Record, RefusedError, scalars, unicode
from networks.public.torch_file import nested_storage
from networks.snapshot_info import SnapshotInfo
from torch_utils.config import to_json
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.version import PROJECT_VERSION

PARTS = ("ema", "generator", "discriminator", "augment")
_MOST_BYTES = 4 * 2**30
_LOAD = "torch.storage._load_from_bytes"

# What tells the architectures apart is a tensor that only one has: names of classes are the same.
_GENERATORS: dict[str, Callable[[ForeignNetwork], tuple[Any, ImageSpec, dict[str, Tensor]]]] = {
    "synthesis.b4.conv1.weight": stylegan2.read_generator,
}


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A public checkpoint, converted.

    parts: tensors by part and our names.
    ignored: what stands in the file and is of no use here.
    """

    info: SnapshotInfo
    parts: dict[str, dict[str, Tensor]]
    ignored: tuple[str, ...] = ()


def is_public(path: Path) -> bool:
    """True where a file's name is that of a public checkpoint rather than of one of our snapshots."""
    return path.suffix.lower() in _READERS


def read_public(path: Path, parts: Collection[str] = PARTS) -> Imported:
    """Read and convert a public checkpoint; nothing in it is run.

    Args:
        parts: which to convert; a network that is not asked for may be of any kind.
    Raises:
        SnapshotError: missing, damaged, not of a known format, something in it that is not let in (by name), or a
            network with options that ours do not have.
    """
    content = _content(path)
    try:
        imported = _READERS[path.suffix.lower()](content, parts)
    except RefusedError as error:
        raise SnapshotError(f"{path}: not imported: {error}. Nothing in it was run; use another file.") from error
    except ConfigError as error:
        raise SnapshotError(f"{path}: not imported: {error}") from error
    data = {"source": path.name} | imported.info.data
    digest = hashlib.sha256(content).hexdigest()
    info = dataclasses.replace(imported.info, data=data, digest=digest, project_version=PROJECT_VERSION)
    return dataclasses.replace(imported, info=info)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SnapshotError(f"{path}: {path.stat().st_size} bytes, more than any public checkpoint. Use another.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SnapshotError(f"{path}: no such file. Give a network.pkl or a snapshot-….safetensors.") from error
    except OSError as error:
        raise SnapshotError(f"{path}: not readable ({error.strerror}). Use another file.") from error


def read_pickle(content: bytes) -> Any:
    """What a pickle holds, all of it passive.

    Raises:
        RefusedError: damaged, or anything that is not let in.
    """
    budget = Budget()
    names = table(CONTAINERS, NUMBERS, TENSORS, NETWORKS, {_LOAD: nested_storage(budget)})
    return Machine(BytesIO(content), names, budget).run()


def _from_pickle(content: bytes, parts: Collection[str]) -> Imported:
    """StyleGAN2-ADA and StyleGAN3: a dict of G, D, G_ema, augment_pipe, training_set_kwargs."""
    held = read_pickle(content)
    if isinstance(held, tuple | list):
        raise RefusedError("it holds a list of networks, as TensorFlow's StyleGANs do; those cannot be read")
    if not isinstance(held, dict) or not isinstance(held.get("G_ema"), Record):
        raise RefusedError("it is no network.pkl of StyleGAN2-ADA or StyleGAN3: it has no G_ema")
    config, spec, tensors = _generator(held, "G_ema")
    found = {"ema": tensors}
    options: dict[str, Any] = {}
    if "generator" in parts and isinstance(held.get("G"), Record):
        other, _, found["generator"] = _generator(held, "G")
        if other != config:
            raise RefusedError("G and G_ema have different options")
    if "discriminator" in parts and isinstance(held.get("D"), Record):
        judge, found["discriminator"] = stylegan2.read_discriminator(foreign_network(held["D"], "D"), spec)
        options["discriminator"] = to_json(judge)
    if "augment" in parts and isinstance(held.get("augment_pipe"), Record):
        pipe = foreign_network(held["augment_pipe"], "augment_pipe")
        found["augment"] = {"p": _probability(pipe)}
        options["augment_pipe"] = scalars(pipe.modules[""].get("_init_kwargs"))
    used = {"G_ema", "G", "D", "augment_pipe", "training_set_kwargs"}
    info = SnapshotInfo(
        image_spec=spec,
        generator=config,
        label_counts=even_counts(spec.label_dim),
        data=_data(held.get("training_set_kwargs")),
        config={"generator": to_json(config), **options},
    )
    return Imported(info=info, parts=found, ignored=tuple(sorted(unicode(str(key)) for key in held if key not in used)))


def _generator(held: dict[str, Any], key: str) -> tuple[Any, ImageSpec, dict[str, Tensor]]:
    network = foreign_network(held[key], key)
    for tensor, read in _GENERATORS.items():
        if tensor in network.tensors:
            return read(network)
    raise RefusedError(f"{key} is no generator of a kind that is known here ({held[key].class_name[:60]})")


def _probability(pipe: ForeignNetwork) -> Tensor:
    p = pipe.tensors.get("p")
    if p is None or p.numel() != 1 or not p.is_floating_point() or not 0 <= float(p) <= 1:
        raise RefusedError("augment_pipe: its p is no probability")
    return torch.tensor(float(p))


def _data(options: Any) -> dict[str, Any]:
    """The data's name alone: where it lay is nobody's business."""
    path = options.get("path") if isinstance(options, dict) else None
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2] if isinstance(path, str) else ""
    return {"name": unicode(name)} if name else {}


_READERS: dict[str, Callable[[bytes, Collection[str]], Imported]] = {".pkl": _from_pickle, ".pickle": _from_pickle}
