"""Which moments of a painting to show, and pictures of them."""

import numpy as np
from torch import Tensor

from painting.canvas import Canvas
from painting.strokes import StrokeSet
from torch_utils.images import to_uint8

_SLOW_START = 1.7  # strokes come one by one at first and many at a time at the end


def moments(strokes: int, frames: int) -> list[int]:
    """Numbers of strokes to show, from 0 to all, rising, the first close together: at most `frames` + 1."""
    steps = {round(strokes * (index / frames) ** _SLOW_START) for index in range(frames + 1)}
    return sorted(steps | {0, strokes})


def pictures(painting: StrokeSet, counts: list[int], canvas: Canvas) -> list[np.ndarray]:
    """The canvas after each of these numbers of strokes, which rise: uint8 [H, W, 3] each."""
    return [to_picture(shown) for shown in painting.canvases(counts, canvas)]


def to_picture(canvas: Tensor) -> np.ndarray:
    """RGB in 0…1, [3, H, W] → uint8 [H, W, 3]."""
    return to_uint8(canvas * 2 - 1).permute(1, 2, 0).contiguous().numpy()
