"""What is painted: pictures from files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dataset.decode import SUFFIXES, PictureError, decode, open_header
from painting.canvas import Canvas
from painting.strokes import LARGEST, MOST_OBLONG, SMALLEST
from torch_utils.errors import ConfigError, DataError

_KEPT = 1024  # longer side of a reference kept to be shown, at most


@dataclass(frozen=True)
class Reference:
    """A picture to paint.

    Attributes:
        name: of the folder its painting goes to.
        picture: uint8 [H, W, 3].
        about: where it comes from, for the files.
    """

    name: str
    picture: np.ndarray
    about: dict[str, str] = field(default_factory=dict)

    def at(self, unit: int) -> Tensor:
        """RGB in 0…1 with a shorter side of `unit` pixels, [3, H, W]."""
        canvas = Canvas(*self.picture.shape[:2]).scaled(unit)
        sized = Image.fromarray(self.picture).resize((canvas.width, canvas.height), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.asarray(sized).copy()).permute(2, 0, 1).float() / 255


def picture_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: files as given, folders by their pictures in order of names.

    Raises:
        DataError: nothing there, or two files whose paintings would go to one folder.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise DataError(f"{path}: no pictures in this folder. Give pictures, or a folder that holds some.")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise DataError(f"{path}: no such file. Give a picture, or a folder of pictures.")
    by_name: dict[str, Path] = {}
    for file in files:
        if file.stem in by_name:
            raise DataError(
                f"{file}: its painting would go where that of {by_name[file.stem]} goes. Rename one of them."
            )
        by_name[file.stem] = file
    return files


def read_picture(path: Path) -> Reference:
    """Read one picture, upright and in RGB; transparent parts become white.

    Raises:
        DataError: not a picture, damaged, too small, or too oblong.
    """
    try:
        with path.open("rb") as file:
            opened = open_header(file)
            decode(opened)
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (PictureError, OSError) as error:
        raise DataError(f"{path}: {error}. Give a PNG, JPEG, WebP, TIFF or BMP file.") from error
    short, long = sorted(upright.size)
    if short < SMALLEST or long > MOST_OBLONG * short:
        raise DataError(
            f"{path}: {upright.width}x{upright.height} pixels. Give a picture of at least {SMALLEST} pixels "
            f"a side, at most {MOST_OBLONG} times as long as it is broad."
        )
    flat = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    flat.thumbnail((_KEPT, _KEPT), Image.Resampling.LANCZOS)
    return Reference(path.stem, np.asarray(flat), {"reference": path.name})


def check_size(size: int, option: str) -> None:
    """Raise a ConfigError for a canvas that strokes are not drawn on."""
    if not SMALLEST <= size <= LARGEST:
        raise ConfigError(f"{option} {size}: canvases go from {SMALLEST} to {LARGEST} pixels. Use for example 512.")
