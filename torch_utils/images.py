"""Pictures: uint8 RGB outside, float [-1, 1] inside; grids; PNG files that say where they come from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from torch_utils.files import atomic_write


def to_float(pictures: Tensor) -> Tensor:
    """uint8 0…255 → float32 -1…1."""
    return pictures.to(torch.float32) / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Float images (nominally -1…1, anything outside is clamped) → uint8 0…255, any shape."""
    return (images.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def grid(pictures: Tensor, columns: int, gap: int = 0) -> np.ndarray:
    """Lay pictures out row by row.

    Args:
        pictures: uint8 [N, C, H, W]; the last row is filled up with white.
        gap: white pixels between pictures.
    Returns:
        uint8 [rows·(H+gap)-gap, columns·(W+gap)-gap, C]
    """
    count, channels, height, width = pictures.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for index, picture in enumerate(pictures.cpu().numpy()):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return canvas


def write_png(path: Path | str, picture: np.ndarray | Tensor, text: Mapping[str, str] | None = None) -> None:
    """Write one picture atomically.

    Args:
        picture: uint8 array [H, W, C] (C 1 or 3), or uint8 tensor [C, H, W].
        text: provenance, stored as PNG text chunks (seed, psi, class, snapshot digest, licence, …).
    """
    array = picture.cpu().numpy().transpose(1, 2, 0) if isinstance(picture, Tensor) else picture
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    with atomic_write(path) as temporary:
        image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
        image.save(temporary, format="PNG", pnginfo=info)


def read_png_text(path: Path | str) -> dict[str, str]:
    """The text chunks of a PNG file."""
    with Image.open(path) as image:
        image.load()
        return {key: str(value) for key, value in getattr(image, "text", {}).items()}
