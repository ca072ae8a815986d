"""network.pkl of StyleGAN2-ADA and StyleGAN3, and of programs that write the same format (golden/INDEX.md, Pickles)."""

from collections.abc import Callable, Collection
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from networks.interface import ImageSpec
from networks.public import stylegan2, stylegan3
from networks.public.bounds import Budget
from networks.public.conversion import Imported, not_used
from networks.public.labels import even_counts
from networks.public.machine import Machine
from networks.public.modules import ForeignNetwork, foreign_network
from networks.public.names import CONTAINERS, NETWORKS, NUMBERS, TENSORS, table
from networks.public.records import Record, RefusedError, scalars, unicode
from networks.public.torch_file import nested_storage
from networks.snapshot_info import SnapshotInfo
from torch_utils.config import to_json

_LOAD = "torch.storage._load_from_bytes"

# What tells the architectures apart is a tensor that only one has: names of classes are the same.
_GENERATORS: dict[str, Callable[[ForeignNetwork], tuple[Any, ImageSpec, dict[str, Tensor]]]] = {
    "synthesis.b4.conv1.weight": stylegan2.read_generator,
    "synthesis.input.freqs": stylegan3.read_generator,
}


def read_pickle(content: bytes) -> Any:
    """What a pickle holds, all of it passive.

    Raises:
        RefusedError: damaged, or anything that is not let in.
    """
    budget = Budget()
    names = table(CONTAINERS, NUMBERS, TENSORS, NETWORKS, {_LOAD: nested_storage(budget)})
    return Machine(BytesIO(content), names, budget).run()


def convert_pickle(content: bytes, parts: Collection[str]) -> Imported:
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
        *other, found["generator"] = _generator(held, "G")
        if other != [config, spec]:
            raise RefusedError("G and G_ema have different options or make other pictures")
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
    return Imported(info=info, parts=found, notes=not_used(held, used))


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
