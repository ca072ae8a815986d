"""Snapshots: one .safetensors file with weights, configs and provenance, checked by digest, running no code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from networks.interface import Generator, ImageSpec
from networks.public.importing import is_public, read_public
from networks.snapshot_info import SnapshotInfo
from networks.stylegan1_generator import StyleGAN1GeneratorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from networks.stylegan3_generator import StyleGAN3GeneratorConfig
from torch_utils.config import from_json, to_json
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.tensor_file import read_tensors, write_tensors

FORMAT = "kaokore-stylegan snapshot 1"
EMA = "ema."

# A new generator is a line here; a kind never changes its meaning once released.
GENERATORS = {
    "stylegan1": StyleGAN1GeneratorConfig,
    "stylegan2": StyleGAN2GeneratorConfig,
    "stylegan3": StyleGAN3GeneratorConfig,
}


@dataclass(frozen=True, kw_only=True)
class LoadedGenerator:
    """A generator ready to sample, and where it comes from."""

    network: Generator
    info: SnapshotInfo
    path: Path


def save_snapshot(path: Path | str, info: SnapshotInfo, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write a snapshot atomically.

    Args:
        parts: tensors by part: "ema" always; "generator", "discriminator", "augment" for transfer.
    """
    write_tensors(path, _document(info), named_by_part(parts))


def named_by_part(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of several networks in one dict, as a snapshot names them: "ema.blocks.0.const"."""
    return {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}


def load_generator(path: Path | str, device: torch.device | str = "cpu") -> LoadedGenerator:
    """Read the EMA generator of a snapshot, in evaluation mode.

    Raises:
        SnapshotError: missing, cut short, damaged (the digest differs), or not one of our snapshots.
    """
    info, tensors = read_snapshot(path, prefixes=(EMA,))
    network = info.generator.build(info.image_spec)
    fill(network, {name.removeprefix(EMA): tensor for name, tensor in tensors.items()}, Path(path))
    return LoadedGenerator(network=network.eval().requires_grad_(False).to(device), info=info, path=Path(path))


def fill(network: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load every tensor into the network; any that is missing, left over or of another shape is an error."""
    own = network.state_dict()
    missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    shapes = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
    if missing or unknown or shapes:
        first = (missing + unknown + shapes)[0]
        raise SnapshotError(
            f"{path}: does not hold the network it describes ({len(missing)} tensors missing, {len(unknown)} unknown, "
            f"{len(shapes)} of another shape; first: {first}). Save it again with this version."
        )
    network.load_state_dict(dict(tensors))


def read_snapshot(path: Path | str, prefixes: tuple[str, ...]) -> tuple[SnapshotInfo, dict[str, Tensor]]:
    """Check a snapshot's digest and read the tensors whose names begin with one of `prefixes` ("ema.", …).

    A public checkpoint (.pkl, .pt) is converted.
    """
    path = Path(path)
    if is_public(path):
        imported = read_public(path, [prefix.removesuffix(".") for prefix in prefixes])
        return imported.info, named_by_part(imported.parts)
    file = read_tensors(path, prefixes)
    return _info(path, file.document, file.digest), file.tensors


def _document(info: SnapshotInfo) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "image_spec": to_json(info.image_spec),
        "generator": to_json(info.generator),
        "images_seen": info.images_seen,
        "label_counts": to_json(info.label_counts),
        "data": info.data,
        "config": info.config,
        "metrics": info.metrics,
        "project_version": info.project_version,
    }


def _info(path: Path, text: str, digest: str) -> SnapshotInfo:
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            remedy = "Use the version that saved it, or a snapshot that train.py saves."
            raise SnapshotError(f"{path}: format '{document['format']}' is not '{FORMAT}'. {remedy}")
        kind = document["generator"]["kind"]
        if kind not in GENERATORS:
            raise SnapshotError(
                f"{path}: holds a '{kind}' generator; this version knows {', '.join(GENERATORS)}. Use a newer version."
            )
        return SnapshotInfo(
            image_spec=from_json(ImageSpec, document["image_spec"], "image_spec"),
            generator=from_json(GENERATORS[kind], document["generator"], "generator"),
            images_seen=document["images_seen"],
            label_counts=tuple((tuple(indices), count) for indices, count in document["label_counts"]),
            data=document["data"],
            config=document["config"],
            metrics=document["metrics"],
            project_version=document["project_version"],
            digest=digest,
        )
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"{path}: its header is not understood ({error}). Use the version that saved it."
        ) from error
