"""What `paint.py brushes` does: every brush by name, numbers and a few strokes."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from painting.brushes import BRUSHES
from painting.brushes.brush import Brush
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from painting.export.frames import to_picture
from painting.strokes import Header, StrokeSet
from torch_utils.images import write_png

_CANVAS = Canvas(128, 512)
_SIZES, _SCALE = (
    (1.0, 1.6, 2.5, 4.0, 6.4, 10.0),
    2,
)  # half thickness in pixels; pixels of the sheet for one of the canvas
_INK = (0.14, 0.13, 0.2)


def brushes(sheet: Path | None) -> Iterator[str]:
    """A line for each brush and, if asked for, a picture with a row for each."""
    for name, brush in BRUSHES.items():
        yield f"{name:8} {len(brush.columns)} numbers: {' '.join(brush.columns)}"
    if sheet is not None:
        rows = [sample(brush) for brush in BRUSHES.values()]
        write_png(sheet, np.concatenate(rows), {"brushes": ", ".join(BRUSHES)})
        yield f"{sheet}: {', '.join(BRUSHES)}, from top to bottom"


def sample(brush: Brush) -> np.ndarray:
    """Waves of rising thickness, pressed ever harder from left to right: uint8 [H, W, 3]."""
    strokes = []
    for index, size in enumerate(_SIZES):
        left, right = (index + 0.15) / len(_SIZES), (index + 0.85) / len(_SIZES)
        sway = 0.35 * math.cos(index * math.pi)
        points = torch.tensor([[[0.75, left], [0.5 + sway, (left + right) / 2], [0.25, right]]])
        colour = torch.tensor([_INK])
        stroke = brush.encode(points, torch.tensor([size / _CANVAS.unit]), colour)
        if isinstance(brush, Tool):
            stroke[:, brush.columns.index("entry_pressure")] = 0.35
            stroke[:, brush.columns.index("pressure")] = 0.95
        else:
            stroke[:, brush.columns.index("w0")] = 0.35
        strokes.append(stroke)
    header = Header(brush=brush.name, height=_CANVAS.height, width=_CANVAS.width)
    return to_picture(StrokeSet(header, torch.cat(strokes)).paint(_CANVAS.scaled(_SCALE * _CANVAS.unit)))
