"""The brush of Learning to Paint: a region along a quadratic Bézier, its radius and opacity running from end to end.

Thirteen numbers in 0…1, in the paper's order; the first coordinate is the row, and the control point is relative to
the box of the two ends. Source: Huang et al., "Learning to Paint with Model-based Deep Reinforcement Learning", ICCV
2019.
"""

import torch
from torch import Tensor

from painting.brushes.brush import Brush, Marks, coverage
from painting.canvas import Canvas
from painting.curves import covering_t, points_at

# Of the shorter side: the paper's radius is 1 + r·W/2 pixels on a canvas of twice the size, W = 128.
THINNEST, THICKEST = 1 / 256, 1 / 4


class BezierBrush(Brush):
    """Columns x0 … w2 as in the paper (x is the row), then RGB."""

    name = "bezier"
    columns = ("x0", "y0", "x1", "y1", "x2", "y2", "r0", "r2", "w0", "w2", "red", "green", "blue")

    def curves(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        start, inner, end = strokes[:, 0:2], strokes[:, 2:4], strokes[:, 4:6]
        control = start + (end - start) * inner
        return canvas.place(torch.stack([start, control, end], dim=1))

    def radii(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return (THINNEST + THICKEST * strokes[:, 6:8]) * canvas.unit

    def reach(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return self.radii(strokes, canvas).amax(1) + 0.5

    def opacity(self, strokes: Tensor, canvas: Canvas, marks: Marks, order: str) -> Tensor:
        radii = self.radii(strokes, canvas)
        if order == "last":
            last, deepest = covering_t(marks.points, radii, marks.rows, marks.columns)
            return _between(strokes[:, 8:10], last) * coverage(_between(radii, deepest), _distance(marks, deepest))
        return _between(strokes[:, 8:10], marks.t) * coverage(_between(radii, marks.t), marks.distance)

    def encode(self, points: Tensor, size: Tensor, colours: Tensor) -> Tensor:
        start, control, end = points.unbind(1)
        box = end - start
        inner = torch.where(box.abs() > 1e-6, (control - start) / box, torch.full_like(box, 0.5))
        radius = ((size - THINNEST) / THICKEST)[:, None].expand(-1, 2)
        return torch.cat([start, inner, end, radius, torch.ones_like(radius), colours], dim=1).clamp(0, 1)


def _between(ends: Tensor, t: Tensor) -> Tensor:
    """A quantity that runs evenly from the first of each pair to the second."""
    return torch.addcmul(ends[:, 0, None, None], (ends[:, 1] - ends[:, 0])[:, None, None], t)


def _distance(marks: Marks, t: Tensor) -> Tensor:
    """From each pixel to the point of its curve at t, in pixels."""
    at = points_at(marks.points, t.flatten(1)).reshape(*t.shape, 2)
    return torch.hypot(at[..., 0] - marks.rows[:, :, None], at[..., 1] - marks.columns[:, None, :])
