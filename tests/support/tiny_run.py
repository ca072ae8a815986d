"""A training run small enough for a test: a few drawn shapes, 16 pixels, a handful of channels."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.run import RunResult

TINY = (
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.channel_base=64",
    "generator.channel_max=8",
    "discriminator.channel_base=64",
    "discriminator.channel_max=8",
)


def write_archive(
    path: Path, *, count: int = 24, resolution: int = 16, labels: bool = True, grain: bool = False
) -> Path:
    """An archive of coloured discs; two label sets with gaps, two splits.

    grain: a little noise on each picture, so that no two are the same.
    """
    rng = np.random.default_rng(5)
    names = [f"00000/img{index:08d}.png" for index in range(count)]
    colour = {name: int(rng.integers(2)) for name in names}
    size = {name: int(rng.integers(3)) for name in names[: count - 2]}
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            picture = disc(resolution, colour[name], size.get(name, 0), rng)
            archive.writestr(name, png(picture + rng.integers(0, 9, picture.shape, np.uint8) if grain else picture))
        manifest: dict = {"labels": None, "licence": "CC0", "attribution": "drawn by a test"}
        if labels:
            manifest["label_sets"] = {
                "colour": {"classes": ["red", "blue"], "labels": colour},
                "size": {"classes": ["small", "middle", "large"], "labels": size},
            }
            manifest["splits"] = {name: "train" if place < count // 2 else "test" for place, name in enumerate(names)}
        archive.writestr("dataset.json", json.dumps(manifest))
    return path


def disc(resolution: int, colour: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A disc on a pale ground, uint8 [R, R, 3]."""
    y, x = np.mgrid[:resolution, :resolution] / resolution - rng.uniform(0.4, 0.6)
    picture = np.full((resolution, resolution, 3), 220, np.uint8)
    picture[x**2 + y**2 < (0.2 + 0.1 * size) ** 2] = [(200, 40, 30), (30, 50, 190)][colour]
    return picture


def png(picture: np.ndarray) -> bytes:
    """PNG bytes of a picture."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def weights_digest(run: RunResult) -> str:
    """SHA-256 of everything in the newest checkpoint."""
    path = max(run.folder.glob("checkpoint-*.pt"))
    contents = torch.load(path, weights_only=True, map_location="cpu")
    sha = hashlib.sha256()

    def add(value) -> None:
        if isinstance(value, torch.Tensor):
            sha.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                sha.update(str(key).encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for item in value:
                add(item)
        else:
            sha.update(repr(value).encode())

    add(contents)
    return sha.hexdigest()
