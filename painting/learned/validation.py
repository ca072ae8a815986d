"""How close a painter is on strokes it has never seen, beside what drawing nothing or always the same would give."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painting.brushes import brush_named
from painting.brushes.stamping import POINTS
from painting.canvas import Canvas
from painting.learned.brush import LearnedBrush
from painting.learned.config import PainterConfig
from painting.learned.drawing import Batch, draw, reference

_AT_ONCE = 32
_SHOWN, _GAP = 12, 2  # strokes on a sheet, and pixels between them


@dataclass(frozen=True)
class HeldOut:
    """Strokes held out, and mean squared errors of trivial painters on them.

    Attributes:
        blank: of an empty canvas.
        mean_picture: of these strokes' mean.
        again: of the same strokes stamped once more, dabs lying elsewhere; halved, nobody can be expected below it.
    """

    batch: Batch
    blank: float
    mean_picture: float
    again: float


def held_out(config: PainterConfig, device: torch.device) -> HeldOut:
    """The strokes of a configuration; they depend on its seed, and no batch of training has them."""
    brush = brush_named(config.brush)
    batch = draw(brush, config.held_out, config.size, device, config.seed, "held out")
    opacity = batch.opacity
    noise = torch.randn(config.held_out, POINTS, 2, generator=torch.Generator().manual_seed(config.seed)).to(device)
    return HeldOut(
        batch,
        blank=opacity.pow(2).mean().item(),
        mean_picture=(opacity - opacity.mean(0)).pow(2).mean().item(),
        again=(opacity - reference(brush, batch.strokes, config.size, noise)).pow(2).mean().item(),
    )


@torch.no_grad()
def drawn(painter: LearnedBrush, strokes: Tensor, side: int) -> Tensor:
    """Opacities by a painter, [N, side, side]."""
    canvas = Canvas(side, side)
    return torch.cat([painter.whole(part, canvas) for part in strokes.split(_AT_ONCE)])


def error(painter: LearnedBrush, batch: Batch) -> float:
    """Mean squared error of opacities."""
    return (drawn(painter, batch.strokes, batch.opacity.shape[-1]) - batch.opacity).pow(2).mean().item()


def sheet(painter: LearnedBrush, batch: Batch) -> np.ndarray:
    """Strokes by the brush above the same by the painter, dark on white: uint8 [H, W, 3]."""
    shown = Batch(batch.strokes[:_SHOWN], batch.opacity[:_SHOWN])
    rows = (shown.opacity, drawn(painter, shown.strokes, shown.opacity.shape[-1]))
    pictures = [np.pad(row.cpu().numpy(), ((0, 0), (_GAP, _GAP), (_GAP, _GAP))) for row in rows]
    ink = np.concatenate([np.concatenate(list(row), axis=1) for row in pictures])
    return np.repeat((255 * (1 - ink) + 0.5).astype(np.uint8)[:, :, None], 3, axis=2)
