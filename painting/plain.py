"""The plain twin of the rasteriser: stroke by stroke on the whole canvas, curves cut into straight pieces.

Slow, and short enough to be believed. What is quick is tested against it.
"""

import torch
from torch import Tensor

from painting.brushes.brush import Brush, Marks
from painting.canvas import Canvas
from painting.composite import composite_loop
from painting.curves import points_at

SEGMENTS = 40


def paint(
    brush: Brush, strokes: Tensor, background: Tensor, canvas: Canvas, *, order: str = "closest", cap: float = 1.0
) -> Tensor:
    """As `painting.raster.paint` without prefixes: [3, H, W]."""
    return composite_loop(cap * opacities(brush, strokes, canvas, order), brush.colours(strokes), background)


def opacities(brush: Brush, strokes: Tensor, canvas: Canvas, order: str = "closest") -> Tensor:
    """[N, H, W]"""
    return torch.cat([_opacity(brush, stroke[None], canvas, order) for stroke in strokes])


def _opacity(brush: Brush, stroke: Tensor, canvas: Canvas, order: str) -> Tensor:
    points = brush.curves(stroke, canvas)
    rows, columns = torch.arange(canvas.height) + 0.5, torch.arange(canvas.width) + 0.5
    pixels = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).reshape(1, -1, 2).to(points)
    corners = points_at(points, torch.linspace(0, 1, SEGMENTS + 1).to(points))
    start, piece = corners[0, :-1, None], (corners[0, 1:] - corners[0, :-1])[:, None]
    first, last = brush.radii(stroke, canvas)[0]
    taper = (last - first) / SEGMENTS  # of each piece, whose radius at its start is first + index·taper
    radius = (first + taper * torch.arange(SEGMENTS))[:, None]
    size = ((piece**2).sum(-1) - taper**2).clamp_min(1e-12)
    along = ((((pixels - start) * piece).sum(-1) + radius * taper) / size).clamp(0, 1)
    distances = (pixels - start - along[..., None] * piece).norm(dim=-1)  # [segments, pixels]
    which = (distances**2 - (radius + taper * along) ** 2).min(0).indices[None]
    distance = distances.gather(0, which)[0]
    t = (which + along.gather(0, which))[0] / SEGMENTS
    shape = (1, canvas.height, canvas.width)
    marks = Marks(points, rows[None].to(points), columns[None].to(points), distance.reshape(shape), t.reshape(shape))
    return brush.opacity(stroke, canvas, marks, order)
