"""What convert.py does: read a public checkpoint, write a snapshot, say what was taken over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from networks.public.conversion import PARTS, Imported
from networks.public.importing import is_public, read_public
from networks.snapshot import save_snapshot
from torch_utils.errors import ConfigError, SnapshotError

_SUFFIX = ".safetensors"
_TITLES = {"ema": "G_ema", "generator": "G", "discriminator": "D"}


def convert(network: Path, out: Path, parts: Literal["all", "ema"] = "all") -> Iterator[str]:
    """Write `network` as a snapshot; yields lines that tell what was taken over.

    Raises:
        ConfigError, SnapshotError: before anything is written.
    """
    if out.suffix.lower() != _SUFFIX:
        raise ConfigError(f"--out {out}: not a snapshot's name. Use a name that ends in {_SUFFIX}.")
    if not is_public(network):
        raise SnapshotError(f"{network}: not the name of a public checkpoint. Give a .pkl or a .pt file.")
    imported = read_public(network, PARTS if parts == "all" else ("ema",))
    save_snapshot(out, imported.info, imported.parts)
    yield from _lines(imported)
    yield f"{out}: written"


def _lines(imported: Imported) -> Iterator[str]:
    spec, generator = imported.info.image_spec, imported.info.generator
    colours = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels}-channel")
    labels = f"a label code of {spec.label_dim}" if spec.label_dim else "no labels"
    yield f"{generator.kind}: {spec.resolution}x{spec.resolution} {colours} pictures, {labels}"
    for part, title in _TITLES.items():
        if part in imported.parts:
            tensors = imported.parts[part]
            yield f"  {title}: {len(tensors)} tensors, {sum(t.numel() for t in tensors.values()):,} numbers"
    if "augment" in imported.parts:
        yield f"  augmentation: p {float(imported.parts['augment']['p']):g}"
    yield from (f"  {note}" for note in imported.notes)
