"""What a converter of public checkpoints gives."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from networks.public.records import unicode
from networks.snapshot_info import SnapshotInfo

PARTS = ("ema", "generator", "discriminator", "augment")


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A public checkpoint, converted.

    parts: tensors by part and our names.
    notes: what was left out or had to be computed, in words.
    """

    info: SnapshotInfo
    parts: dict[str, dict[str, Tensor]]
    notes: tuple[str, ...] = ()


def not_used(held: Mapping[Any, Any], used: Collection[str]) -> tuple[str, ...]:
    """A note of what else stands in a checkpoint, if there is anything."""
    others = sorted(unicode(str(key)) for key in held if key not in used)
    return (f"of no use here: {', '.join(others[:20])}",) if others else ()
