"""What a snapshot says of itself, whoever wrote it."""

from dataclasses import dataclass, field
from typing import Any

from networks.interface import ImageSpec


@dataclass(frozen=True, kw_only=True)
class SnapshotInfo:
    """What a snapshot says of itself."""

    image_spec: ImageSpec
    generator: Any  # the generator's config
    images_seen: int = 0
    label_counts: tuple[tuple[tuple[int, ...], int], ...] = ()  # (class index per set, pictures), of the training data
    data: dict[str, Any] = field(default_factory=dict)  # name, digest, split, licence, attribution, source
    config: dict[str, Any] = field(default_factory=dict)  # the training's options, as plain JSON
    metrics: dict[str, float] = field(default_factory=dict)
    project_version: str = ""
    digest: str = ""
