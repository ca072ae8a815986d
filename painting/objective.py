"""What a painter tries to make small: how far canvases are from the reference, in its course as well as at its end."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

# (canvases [K, 3, H, W], reference [3, H, W], how far the painting has come 0…1) → a loss for each canvas, [K]
Content = Callable[[Tensor, Tensor, float], Tensor]

_LEVELS = 3
_EDGES = 2.0  # weight of gradients against values, at the end


def squared(canvases: Tensor, reference: Tensor, progress: float) -> Tensor:
    """Mean squared error."""
    return (canvases - reference).pow(2).mean((1, 2, 3))


def pyramid(canvases: Tensor, reference: Tensor, progress: float) -> Tensor:
    """Mean absolute error of values and of their differences between neighbours, at three sizes, each half the last.

    Differences count little at first and fully at the end: areas come first, then outlines.
    """
    edges = _EDGES * progress
    total = canvases.new_zeros(len(canvases))
    painted, wanted = canvases, reference[None]
    for level in range(_LEVELS):
        total = total + (painted - wanted).abs().mean((1, 2, 3))
        for axis in (2, 3):
            steps = painted.diff(dim=axis) - wanted.diff(dim=axis)
            total = total + edges / 2 * steps.abs().mean((1, 2, 3))
        if level + 1 < _LEVELS:
            painted, wanted = F.avg_pool2d(painted, 2), F.avg_pool2d(wanted, 2)
    return total / _LEVELS


CONTENTS: dict[str, Content] = {"squared": squared, "pyramid": pyramid}


def sequence_loss(losses: Tensor, weight: float) -> Tensor:
    """The last canvas's loss and, by `weight`, the mean of the others', so that the first strokes already read well.

    Args:
        losses: of the canvas after each block of strokes, [K].
    """
    if len(losses) == 1:
        return losses[0]
    return losses[-1] + weight * losses[:-1].mean()
