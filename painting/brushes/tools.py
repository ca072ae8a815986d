"""Coloured pencil, ink brush and dry brush: twelve numbers a stroke, on paper with a tooth.

Order and meaning: Nakano, "Neural Painters: A learned differentiable constraint for generating brushstroke
paintings", 2019: the given control point is the one the curve passes through halfway, and pressure runs from its
entry to the mean over the first quarter, and from there to its end over the last. The brushes are our own; `stamping`
draws the same strokes by dabs.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from painting.brushes.bristles import bristles
from painting.brushes.brush import Brush, Marks, coverage
from painting.brushes.paper import grain
from painting.canvas import Canvas

T = TypeVar("T", float, Tensor)

DAB = 0.35  # opacity of one dab
DAB_LETS_THROUGH = math.log(1 - DAB)
SPACING, CLOSEST = 0.35, 0.5  # between dabs: of their radius; at least, in pixels of a 128-pixel canvas
UNIT = 128  # the shorter side, in pixels, that radii below are given for


@dataclass(frozen=True)
class Tool(Brush):
    """A brush by its numbers.

    Attributes:
        thinnest, thickest: radius in pixels of a 128-pixel canvas.
        lift: down to which of the paper's heights (0…1) full pressure reaches; below 1 the valleys stay bare.
        tooth: how much of the paper's height the pressure must overcome; 0 for a wet brush.
        softness: over how much of the heights (0…1) paint fades out.
        spread: how much of the radius depends on pressure, 0…1.
        dryness: how much of the width the bristles leave bare where pressure fades, 0…1.
        flow: opacity of a full touch.
    """

    name: str
    thinnest: float
    thickest: float
    lift: float
    tooth: float
    softness: float
    spread: float
    dryness: float
    flow: float

    columns = (
        *("pressure", "size", "control_x", "control_y", "end_x", "end_y"),
        *("red", "green", "blue", "start_x", "start_y", "entry_pressure"),
    )

    def curves(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        through, end, start = strokes[:, [3, 2]], strokes[:, [5, 4]], strokes[:, [10, 9]]
        control = 2 * through - (start + end) / 2
        return canvas.place(torch.stack([start, control, end], dim=1))

    def radius(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """Under full pressure, in pixels, [N]; each step of size multiplies it."""
        ratio = self.thickest / self.thinnest
        return self.thinnest * ratio ** self.column(strokes, "size") * (canvas.unit / UNIT)

    def reach(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return self.radius(strokes, canvas) + 0.5

    def pressure(self, strokes: Tensor, t: Tensor) -> Tensor:
        """Pressure along the stroke, 0…1, of the shape of t, [N, …]."""
        shape = (-1, *[1] * (t.dim() - 1))
        entry = self.column(strokes, "entry_pressure").reshape(shape)
        end = self.column(strokes, "pressure").reshape(shape)
        half = (end - entry) / 2
        return entry + half * (F.hardtanh(4 * t, 0, 1) + F.relu(4 * t - 3))

    def touch(self, pressure: T) -> T:
        """Down to which of the paper's heights a pressure reaches; a little below 0 for none."""
        return self.lift * pressure - self.softness

    def opacity(self, strokes: Tensor, canvas: Canvas, marks: Marks, order: str) -> Tensor:
        pressure = self.pressure(strokes, marks.t)
        radius = self.radius(strokes, canvas)[:, None, None]
        if self.spread:
            radius = radius * (1 - self.spread + self.spread * pressure)
        paint = self.contact(strokes, canvas, marks, pressure) * dabs(radius, marks.distance, canvas)
        return self.flow * coverage(radius, marks.distance) * (1 - torch.exp(DAB_LETS_THROUGH * paint))

    def contact(self, strokes: Tensor, canvas: Canvas, marks: Marks, pressure: Tensor) -> Tensor:
        """How much of the paint the paper takes at each pixel, 0…1."""
        height = torch.zeros((), device=strokes.device)
        if self.tooth:
            rows, columns = marks.rows.long(), marks.columns.long()
            height = self.tooth * grain(canvas).to(pressure)[rows[:, :, None], columns[:, None, :]]
        if self.dryness:
            bare = bristles(marks, self.radius(strokes.detach(), canvas))
            height = height + self.dryness * bare * (1 - height)
        return torch.sigmoid((self.touch(pressure) - height) / self.softness)

    def mean_opacity(self, pressure: Tensor) -> Tensor:
        """Opacity on average over the paper's heights and the brush's hairs, of the shape of `pressure`."""
        heights = torch.linspace(0, 1, 33)
        bare = self.tooth * heights[:, None]
        height = (bare + self.dryness * heights * (1 - bare)).flatten()
        contact = torch.sigmoid((self.touch(pressure[..., None]) - height) / self.softness)[..., None, :]
        across = torch.linspace(0, 1, 16)[:, None]
        typical = torch.tensor((self.thinnest * self.thickest) ** 0.5)
        paint = contact * dabs(typical, typical * across, Canvas(UNIT, UNIT))
        return self.flow * (1 - torch.exp(DAB_LETS_THROUGH * paint)).mean((-1, -2))

    def encode(self, points: Tensor, size: Tensor, colours: Tensor) -> Tensor:
        start, control, end = points.unbind(1)
        through = (start + 2 * control + end) / 4
        scale = torch.tensor(self.thickest / self.thinnest).log()
        rank = (size * UNIT / self.thinnest).clamp_min(1e-6).log() / scale
        pressure = torch.full_like(size, 0.7)[:, None]
        columns = [pressure, rank[:, None], through.flip(1), end.flip(1), colours, start.flip(1), pressure]
        return torch.cat(columns, dim=1).clamp(0, 1)


def dabs(radius: Tensor, distance: Tensor, canvas: Canvas) -> Tensor:
    """How many of the round dabs along a straight line lie over a pixel at a distance from it; all in pixels."""
    across = F.hardtanh(distance / (radius + 0.5), 0, 1)
    return 2 * radius * (1 - across**2 + 1e-4).sqrt() / spacing(radius, canvas)


def spacing(radius: Tensor, canvas: Canvas) -> Tensor:
    """Pixels from one dab to the next."""
    return (SPACING * radius).clamp_min(CLOSEST * canvas.unit / UNIT)


PENCIL = Tool("pencil", 0.8, 3.2, lift=1.05, tooth=1.0, softness=0.18, spread=0.0, dryness=0.0, flow=1.0)
INK = Tool("ink", 1.0, 16.0, lift=1.15, tooth=0.0, softness=0.10, spread=0.7, dryness=0.55, flow=1.0)
DRY = Tool("dry", 1.0, 12.0, lift=1.15, tooth=0.5, softness=0.12, spread=0.3, dryness=0.9, flow=1.0)
