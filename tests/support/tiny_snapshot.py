"""An untrained snapshot small enough for a test, saved without a training."""

from pathlib import Path
from typing import Any

import torch

from dataset.archive import Archive
from networks.interface import ImageSpec
from networks.snapshot import SnapshotInfo, save_snapshot
from networks.stylegan2_generator import StyleGAN2GeneratorConfig

TINY_STYLEGAN2 = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)


def write_snapshot(
    path: Path,
    archive: Archive,
    *,
    conditional: bool = False,
    resolution: int | None = None,
    split: str | None = None,
    generator: Any = TINY_STYLEGAN2,
) -> Path:
    """A snapshot that says it was trained on `archive`.

    generator: a generator's config.
    """
    label_sets = archive.label_sets if conditional else ()
    rows = [tuple(row) for row in archive.labels.tolist()] if conditional else []
    info = SnapshotInfo(
        image_spec=ImageSpec(
            resolution=resolution or archive.resolution, channels=archive.channels, label_sets=label_sets
        ),
        generator=generator,
        images_seen=16_000,
        label_counts=tuple((row, rows.count(row)) for row in sorted(set(rows))),
        data={"name": archive.path.name, "split": split},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = info.generator.build(info.image_spec)
    save_snapshot(path, info, {"ema": network.state_dict()})
    return path
