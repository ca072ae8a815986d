"""What every agent is: it looks at canvases and references, and says the next strokes."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painting.brushes.brush import Brush

OPACITIES = ("w0", "w2", "pressure", "entry_pressure")  # columns; a stroke that has only zeros there marks nothing
Memory = tuple[Tensor, ...]


class Policy(nn.Module, ABC):
    """An agent.

    Attributes:
        brush: whose strokes it says.
        size: side in pixels of what it sees.
        bundle: strokes it says at each look.
        steps: looks at a painting, as it was trained.
    """

    def __init__(self, brush: Brush, size: int, bundle: int, steps: int):
        super().__init__()
        self.brush, self.size, self.bundle, self.steps = brush, size, bundle, steps

    def start(self, count: int) -> Memory:
        """What it remembers before the first look at `count` canvases."""
        return ()

    @abstractmethod
    def forward(self, canvases: Tensor, references: Tensor, step: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Look once.

        Args:
            canvases, references: RGB in 0…1, [B, 3, size, size].
            step: looks before this one, float [B].
        Returns:
            strokes in 0…1, [B, bundle, columns], and what it remembers. A stroke without opacity is none.
        """


def plane(step: Tensor, steps: int, size: int) -> Tensor:
    """How far a painting has come, as a channel: [B] → [B, 1, size, size]."""
    return (step / steps)[:, None, None, None].expand(-1, 1, size, size)


def coordinates(size: int) -> Tensor:
    """Row and column of each pixel in -1…1, [1, 2, size, size] (Liu et al. 2018, CoordConv)."""
    line = torch.linspace(-1, 1, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"))[None]


def seen(pictures: Tensor, size: int) -> Tensor:
    """Pictures [B, 3, H, W] as an agent sees them, [B, 3, size, size]; oblong ones are squeezed."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return F.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)


def is_mark(brush: Brush, strokes: Tensor) -> Tensor:
    """Which strokes cover anything, bool [...]."""
    there = [brush.columns.index(name) for name in OPACITIES if name in brush.columns]
    return (strokes[..., there] > 0).any(-1)
