"""What `paint.py figures` does: the figures of the KaoKore paper's last part, for faces of one's own choice.

Figures 5 and 8 are sequences (reference on the left, small canvases beside it), 6, 7, 9 and 10 finished paintings
below their references; 5 to 7 by intrinsic style transfer, 8 to 10 by Learning to Paint. Source: Tian et al., "KaoKore:
A Pre-modern Japanese Art Facial Expression Dataset", 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from painting.export.frames import to_picture
from painting.export.sheet import sheet
from painting.paint_pictures import paint_pictures
from painting.references import picture_files, read_picture
from painting.request import Request as Painting
from painting.strokes import read_strokes
from torch_utils.errors import ConfigError, DataError
from torch_utils.images import grid, write_png

METHODS = {5: "ist", 6: "ist", 7: "ist", 8: "ltp", 9: "ltp", 10: "ltp"}
SEQUENCES = (5, 8)
CELL, GAP = 256, 8  # pixels
_MOST_FACES = 64


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py figures`; the fields are its options."""

    refs: Path
    which: str = "5-10"
    strokes: int | None = None
    size: int = 128
    seed: int = 0
    outdir: Path = Path("out/figures")
    threads: int = 1


def figures(request: Request, say: Callable[[str], None]) -> int:
    """Paint the listed faces and lay the figures out; gives the exit status.

    Raises:
        UserError: no such figure, or a list that does not name pictures, before anything is painted.
    """
    numbers, files = parse_which(request.which), listed(request.refs)
    for method in sorted({METHODS[number] for number in numbers}):
        folder = request.outdir / method
        painting = Painting(
            images=tuple(files),
            method=method,
            strokes=request.strokes,
            size=request.size,
            seed=request.seed,
            outdir=folder,
            to="final",
            threads=request.threads,
        )
        status = paint_pictures(painting, say)
        if status:
            return status
        for number in [number for number in numbers if METHODS[number] == method]:
            path = request.outdir / f"figure-{number}.png"
            lay_out = _sequences if number in SEQUENCES else _finals
            write_png(path, lay_out(files, folder), {"figure": str(number), "method": method})
            say(f"{path}: {len(files)} faces, {'their course' if number in SEQUENCES else 'painted'}")
    return 0


def parse_which(text: str) -> list[int]:
    """ "5-10", "5..10" or "5,8" → figure numbers.

    Raises:
        ConfigError: a figure there is not.
    """
    numbers: list[int] = []
    for part in text.replace("..", "-").split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(part) < 12):
            raise ConfigError(f"--which {text}: '{part}' is no figure. Use for example 5-10 or 6,9.")
        numbers += range(int(first), min(int(last or first), max(METHODS) + 1) + 1)
    wrong = [number for number in numbers if number not in METHODS]
    if wrong or not numbers:
        raise ConfigError(f"--which {text}: the figures of painted faces are 5 to 10. Use for example 5-10 or 6,9.")
    return sorted(set(numbers))


def listed(path: Path) -> list[Path]:
    """The pictures named in a text file, one a line, as seen from its folder.

    Raises:
        DataError: no such list, an empty one, too many, or a picture that is not there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a readable list ({error}). Give a text file with a picture's path a line."
        ) from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not 1 <= len(names) <= _MOST_FACES:
        raise DataError(f"{path}: names {len(names)} pictures. Name from 1 to {_MOST_FACES}, one a line.")
    return picture_files([path.parent / name for name in names])


def _sequences(files: list[Path], folder: Path) -> np.ndarray:
    """One sheet below the other, as broad as the broadest."""
    sheets = [sheet(read_strokes(folder / file.stem / "strokes.json"), read_picture(file).picture) for file in files]
    width = max(page.shape[1] for page in sheets)
    rows = []
    for page in sheets:
        rows.append(np.pad(page, ((0, 2 * GAP), (0, width - page.shape[1]), (0, 0)), constant_values=255))
    return np.concatenate(rows)[: -2 * GAP]


def _finals(files: list[Path], folder: Path) -> np.ndarray:
    """References in a row, paintings below them; the middle square of what is not square."""
    above, below = [], []
    for file in files:
        painting = read_strokes(folder / file.stem / "strokes.json")
        above.append(_square(to_picture(read_picture(file).at(CELL))))
        below.append(_square(to_picture(painting.paint(painting.header.canvas.scaled(CELL)))))
    return grid(torch.from_numpy(np.stack(above + below)).permute(0, 3, 1, 2), len(files), GAP)


def _square(picture: np.ndarray) -> np.ndarray:
    top, left = ((side - CELL) // 2 for side in picture.shape[:2])
    return picture[top : top + CELL, left : left + CELL]
