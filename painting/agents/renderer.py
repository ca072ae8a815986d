"""What an agent learns through: the rasteriser, or a learned painter in its place."""

import torch

from painting.brushes import brush_named
from painting.brushes.brush import Brush
from painting.learned.snapshot import load_painter
from torch_utils.errors import ConfigError


def renderer(file: str, brush: str, device: torch.device) -> Brush:
    """The brush itself, or a learned painter of it.

    Args:
        file: a painter of paint.py train-renderer; "" for none.
    Raises:
        SnapshotError, ConfigError: no painter, or one of another brush.
    """
    if not file:
        return brush_named(brush)
    painter = load_painter(file, device)
    if painter.info.brush != brush:
        raise ConfigError(
            f"--renderer {file}: draws {painter.info.brush}, but the agent paints with {brush}. "
            f"Add --brush {painter.info.brush}, or use a painter of {brush}."
        )
    return painter.brush
