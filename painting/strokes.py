"""The strokes of one painting as a small file: JSON, versioned, no code in it, drawn at any size.

The numbers have five decimals, and a painter rounds before it shows anything, so that the file and the picture agree
exactly.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from painting.brushes import brush_named
from painting.brushes.brush import Brush
from painting.canvas import Canvas
from painting.raster import ORDERS, paint
from torch_utils.config import from_json, to_json
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import write_text
from torch_utils.text import printable

FORMAT = "kaokore-stylegan strokes 1"
DECIMALS = 5
SMALLEST, LARGEST = 16, 4096  # of a canvas's shorter side; the longer one may be MOST_OBLONG times as long
MOST_OBLONG = 4
MOST_STROKES = 100_000
_MOST_BYTES = 64_000_000
_AT_ONCE = 32  # strokes whose opacities are in memory together


@dataclass(frozen=True, kw_only=True)
class Header:
    """How strokes are to be drawn; stands before them in the file.

    Attributes:
        height, width: of the canvas they were painted on, pixels. Another size keeps the shape.
        background: RGB in 0…1.
        order, cap: as of `painting.raster.paint`.
        about: where they come from (method, seed, reference, licence, …), for people.
    """

    brush: str
    height: int
    width: int
    background: tuple[float, ...] = (1.0, 1.0, 1.0)
    order: str = "closest"
    cap: float = 1.0
    about: dict[str, str] = field(default_factory=dict)

    @property
    def canvas(self) -> Canvas:
        return Canvas(self.height, self.width)


@dataclass(frozen=True)
class StrokeSet:
    """A painting: a header and numbers in 0…1, [N, columns of the brush]."""

    header: Header
    strokes: Tensor

    def rounded(self) -> "StrokeSet":
        """As the file holds it."""
        rounded = (self.strokes.double() * 10**DECIMALS).round() / 10**DECIMALS
        return replace(self, strokes=rounded.float())

    def paint(self, canvas: Canvas | None = None, brush: Brush | None = None) -> Tensor:
        """The picture, on a canvas of any size, by its brush or a learned painter of it: RGB in 0…1, [3, H, W]."""
        return next(self.canvases([len(self.strokes)], canvas, brush))

    @torch.no_grad()
    def canvases(
        self, counts: Iterable[int], canvas: Canvas | None = None, brush: Brush | None = None
    ) -> Iterator[Tensor]:
        """The canvas after each of these numbers of strokes, which rise: RGB in 0…1, [3, H, W] each."""
        header, done = self.header, 0
        canvas, brush = canvas or header.canvas, brush or brush_named(header.brush)
        picture = torch.tensor(header.background)[:, None, None].expand(3, canvas.height, canvas.width)
        for count in counts:
            while done < count:
                upto = min(count, done + _AT_ONCE)
                part = self.strokes[done:upto]
                picture = paint(brush, part, picture, canvas, order=header.order, cap=header.cap)[0]
                done = upto
            yield picture


def write_strokes(path: Path | str, painting: StrokeSet) -> None:
    """Write a painting's strokes atomically, one stroke a line."""
    lines = ",\n".join(json.dumps([round(number, DECIMALS) for number in row]) for row in painting.strokes.tolist())
    columns = brush_named(painting.header.brush).columns
    document = {"format": FORMAT, **to_json(painting.header), "columns": columns}
    head = json.dumps(document, ensure_ascii=False, indent=1).removesuffix("\n}")
    write_text(path, f'{head},\n "strokes": [\n{lines}\n]}}\n')


def read_strokes(path: Path | str) -> StrokeSet:
    """Read a painting's strokes.

    Raises:
        DataError: missing, not one of our stroke files, of another version, or a number out of range.
    """
    path = Path(path)
    document = _json(path)
    found = document.pop("format", None) if isinstance(document, dict) else None
    if found != FORMAT:
        told = f"format '{printable(str(found)[:60])}'" if found else "no stroke file of ours"
        raise DataError(f"{path}: {told}, needed is '{FORMAT}'. Give a strokes.json that paint.py wrote.")
    columns, rows, about = (document.pop(name, None) for name in ("columns", "strokes", "about"))
    try:
        header = _checked(replace(from_json(Header, document), about=_texts(about)))
        names = list(brush_named(header.brush).columns)
    except (ConfigError, TypeError) as error:
        raise DataError(f"{path}: {error}") from error
    if columns != names:
        raise DataError(
            f"{path}: its columns are not those of brush {header.brush} ({', '.join(names)}). Name them so."
        )
    return StrokeSet(header, _numbers(path, rows, names))


def _json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give a strokes.json that paint.py wrote.")
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path}: more than {_MOST_BYTES // 1_000_000} MB, no stroke file of ours. Give a smaller one.")
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}). Give a strokes.json that paint.py wrote.") from error


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _checked(header: Header) -> Header:
    """Raise a ConfigError for what its types do not forbid."""
    canvas = header.canvas
    if not SMALLEST <= canvas.unit <= LARGEST or max(canvas.height, canvas.width) > MOST_OBLONG * canvas.unit:
        raise ConfigError(
            f"canvas {canvas.height}x{canvas.width}: sides go from {SMALLEST} to {LARGEST} pixels, "
            f"the longer at most {MOST_OBLONG} times the shorter. Mend height and width."
        )
    if len(header.background) != 3 or not all(0 <= value <= 1 for value in header.background):
        raise ConfigError(f"background {list(header.background)}: not three numbers from 0 to 1. White is [1, 1, 1].")
    if header.order not in ORDERS:
        raise ConfigError(f"order '{header.order}': no such order. Use {' or '.join(ORDERS)}.")
    if not 0 < header.cap <= 1:
        raise ConfigError(f"cap {header.cap}: not above 0 and at most 1. Use 1 for none.")
    return header


def _texts(about: Any) -> dict[str, str]:
    about = about or {}
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise ConfigError("about: holds something else than names with texts. Write texts, or leave it out.")
    return about


def _numbers(path: Path, rows: Any, names: list[str]) -> Tensor:
    if not isinstance(rows, list) or len(rows) > MOST_STROKES:
        count = len(rows) if isinstance(rows, list) else "none"
        raise DataError(f"{path}: strokes: {count}; needed is a list of at most {MOST_STROKES}. Give another file.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            raise DataError(f"{path}: stroke {number} is no list of {len(names)} numbers. Mend or remove it.")
        for name, value in zip(names, row, strict=True):
            good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            if not good or not math.isfinite(value):
                shown = printable(str(value)[:40])
                raise DataError(f"{path}: stroke {number}: {name} is {shown}, not a number from 0 to 1. Mend it.")
    return torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(names))
