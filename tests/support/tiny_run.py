"""A training run small enough for a test: a few drawn shapes, 16 pixels, a handful of channels."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

TINY = (
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.channel_base=64",
    "generator.channel_max=8",
    "discriminator.channel_base=64",
    "discriminator.channel_max=8",
)


def write_archive(path: Path, *, count: int = 24, resolution: int = 16, labels: bool = True) -> Path:
    """An archive of coloured discs; two label sets with gaps, two splits."""
    rng = np.random.default_rng(5)
    names = [f"00000/img{index:08d}.png" for index in range(count)]
    colour = {name: int(rng.integers(2)) for name in names}
    size = {name: int(rng.integers(3)) for name in names[: count - 2]}
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, png(disc(resolution, colour[name], size.get(name, 0), rng)))
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
