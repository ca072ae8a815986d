"""Strokes and pictures for tests of painting."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dataset.demo import draw_face

WHITE = torch.ones(3)


def random_strokes(count: int, columns: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Evenly drawn numbers, [count, columns]."""
    return torch.rand(count, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def drawn_face(index: int, side: int = 64) -> Tensor:
    """RGB in 0…1, [3, side, side]."""
    return _to_tensor(draw_face(0, index, side).picture)


def real_faces(shared: Path, count: int, side: int = 128) -> list[Tensor]:
    """Faces of KaoKore, spread evenly over the download, RGB in 0…1, [3, side, side] each."""
    with zipfile.ZipFile(shared / "data/kaokore-v1.3-train.zip") as pictures:
        names = sorted(name for name in pictures.namelist() if name.endswith(".jpg"))
        chosen = names[:: len(names) // count][:count]
        opened = [Image.open(io.BytesIO(pictures.read(name))).convert("RGB") for name in chosen]
    return [_to_tensor(np.asarray(face.resize((side, side), Image.Resampling.LANCZOS))) for face in opened]


def _to_tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255
