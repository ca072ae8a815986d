"""Strokes as seen from a part of the canvas: a square's own fractions, and the whole canvas's."""

import math

import torch
from torch import Tensor

from painting.brushes.bezier import THICKEST, THINNEST, BezierBrush
from painting.brushes.brush import Brush
from painting.brushes.tools import UNIT, Tool

_ROWS = ("x0", "x2", "start_y", "control_y", "end_y")  # Learning to Paint calls the row x
_COLUMNS = ("y0", "y2", "start_x", "control_x", "end_x")
_WIDEST = 0.4  # radius of a tool's stroke, as a share of the square's side


def framed(brush: Brush, strokes: Tensor, corner: Tensor, side: float) -> Tensor:
    """Strokes given in fractions of a square, as strokes of the canvas; what would lie outside it ends at its edge.

    Regions shrink with the square. A tool keeps its thickness, but for what would be too thick for the square.

    Args:
        strokes: [..., columns].
        corner: top and left of the square as fractions of the canvas, broadcasting with [..., 2].
        side: of the square, as a fraction of the canvas.
    """
    numbers = dict(zip(brush.columns, strokes.unbind(-1), strict=True))
    for axis, names in enumerate((_ROWS, _COLUMNS)):
        for name in names:
            if name in numbers:
                numbers[name] = (corner[..., axis] + side * numbers[name]).clamp(0, 1)
    if isinstance(brush, BezierBrush):
        for name in ("r0", "r2"):
            numbers[name] = (((THINNEST + THICKEST * numbers[name]) * side - THINNEST) / THICKEST).clamp(0, 1)
    elif isinstance(brush, Tool):
        widest = max(1.0, _WIDEST * side * UNIT / brush.thinnest)
        numbers["size"] = numbers["size"] * min(1.0, math.log(widest) / math.log(brush.thickest / brush.thinnest))
    return torch.stack(list(numbers.values()), dim=-1)
