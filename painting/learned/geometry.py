"""The geometry-guided painter: a small network that looks, at each pixel, at what the rasteriser knows there.

What it need not learn is where a stroke lies; what it learns is how dabs and discs add up. It works at any size and
within windows, and gradients reach the stroke through its inputs.
"""

import torch
from torch import Tensor, nn

from painting.brushes.bezier import BezierBrush
from painting.brushes.brush import Brush, Marks
from painting.brushes.paper import grain
from painting.brushes.tools import UNIT, Tool
from painting.canvas import Canvas
from painting.curves import points_at

INPUTS, WIDTH = 8, 48
FAR = 4.0  # pixels and radii beyond which an input says no more
JITTERED = 1.4  # radii from its curve that a stroke marks: dabs lie off their place


class Network(nn.Module):
    """Two hidden layers, 2 833 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(INPUTS, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 1))
        )

    def forward(self, seen: Tensor) -> Tensor:
        """[n, INPUTS] → logits of opacity, [n]."""
        return self.layers(seen)[:, 0]


def reach(brush: Brush, strokes: Tensor, canvas: Canvas) -> Tensor:
    """How far from its curve each stroke may mark, in pixels, [N]."""
    return JITTERED * (brush.reach(strokes, canvas) - 0.5) + 1.5


def opacity(network: nn.Module, brush: Brush, strokes: Tensor, canvas: Canvas, marks: Marks) -> Tensor:
    """How much each stroke covers each pixel of its window, 0…1, [n, h, w]; none beyond its reach."""
    radius, pressure, height = seen_at(brush, strokes, canvas, marks)
    ends = points_at(marks.points, torch.linspace(0, 1, 9, device=strokes.device, dtype=strokes.dtype))
    length = (ends[:, 1:] - ends[:, :-1]).norm(dim=2).sum(1) / canvas.unit
    near = JITTERED * radius + 1.5 - marks.distance
    touched = near.detach() > 0
    which = touched.nonzero()[:, 0]
    distance, radius, pressure, height = (part[touched] for part in (marks.distance, radius, pressure, height))
    inputs = [
        (radius - distance).clamp(-FAR, FAR),
        (distance / radius.clamp_min(0.1)).clamp_max(FAR),
        (radius * (UNIT / canvas.unit)).clamp_min(0.1).log(),
        *(pressure, height, pressure - height),
        (marks.t[touched] - 0.5).abs(),
        length[which],
    ]
    alpha = torch.sigmoid(network(torch.stack(inputs, dim=1))) * near[touched].clamp_max(1)
    return torch.zeros_like(near).masked_scatter(touched, alpha)


def seen_at(brush: Brush, strokes: Tensor, canvas: Canvas, marks: Marks) -> tuple[Tensor, Tensor, Tensor]:
    """Radius in pixels, pressure and the paper's height at each pixel's place on the stroke, [n, h, w] each."""
    if isinstance(brush, Tool):
        pressure = brush.pressure(strokes, marks.t)
        radius = brush.radius(strokes, canvas)[:, None, None] * (1 - brush.spread + brush.spread * pressure)
        rows, columns = marks.rows.long(), marks.columns.long()
        height = brush.tooth * grain(canvas).to(pressure)[rows[:, :, None], columns[:, None, :]]
        return radius, pressure, height
    if isinstance(brush, BezierBrush):
        radii, weights = brush.radii(strokes, canvas), strokes[:, 8:10]
        radius, pressure = (torch.lerp(ends[:, :1, None], ends[:, 1:, None], marks.t) for ends in (radii, weights))
        return radius, pressure, torch.zeros_like(radius)
    raise TypeError(f"{brush.name}: geometry does not know this kind of brush")
