"""Strokes to learn from, made on the fly: numbers drawn at random, pictures by the brush without gradient.

A batch is a function of (seed, purpose, number), so that nothing is stored and a resumed training sees what an
unbroken one sees.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from painting.brushes.bezier import BezierBrush
from painting.brushes.brush import Brush
from painting.brushes.discs import stroke_opacities
from painting.brushes.stamping import POINTS, stamp_many
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from torch_utils import seeds as seeding


@dataclass(frozen=True)
class Batch:
    """Strokes, numbers evenly drawn in 0…1, [N, columns], and their opacities, [N, H, W]."""

    strokes: Tensor
    opacity: Tensor


def draw(brush: Brush, count: int, side: int, device: torch.device, seed: int, *purpose: str | int) -> Batch:
    """Random strokes on square canvases of their own; the same for a seed and a purpose."""
    generator = seeding.generator(seed, brush.name, *purpose)
    strokes = torch.rand(count, len(brush.columns), generator=generator)
    noise = torch.randn(count, POINTS, 2, generator=generator)
    strokes, noise = strokes.to(device), noise.to(device)
    return Batch(strokes, reference(brush, strokes, side, noise))


def reference(brush: Brush, strokes: Tensor, side: int, noise: Tensor) -> Tensor:
    """What a painter is to draw, float32 [N, side, side].

    Args:
        noise: as of `painting.brushes.stamping.stamp_many`.
    """
    if isinstance(brush, BezierBrush):
        return stroke_opacities(strokes, side).float()
    if isinstance(brush, Tool):
        return stamp_many(brush, strokes, Canvas(side, side), noise)
    raise TypeError(f"{brush.name}: there is no brush without gradient to learn it from")
