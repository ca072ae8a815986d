"""What an agent learns through: the rasteriser, or a learned painter in its place."""

import torch

from painting.brushes import brush_named
from painting.brushes.brush import Brush
from painting.learned.snapshot import painter_of


def renderer(file: str, brush: str, device: torch.device) -> Brush:
    """The brush itself, or a learned painter of it.

    Args:
        file: a painter of paint.py train-renderer; "" for none.
    Raises:
        SnapshotError, ConfigError: no painter, or one of another brush.
    """
    if not file:
        return brush_named(brush)
    return painter_of(file, brush, "--renderer", device).brush
