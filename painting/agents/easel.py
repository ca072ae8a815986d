"""Many canvases at once: the same number of strokes laid on each, differentiable."""

import torch
from torch import Tensor

from painting.brushes.brush import Brush
from painting.canvas import Canvas
from painting.windows import MOST_PIXELS, Group

_MOST_ON_A_GPU = 1 << 24  # pixels; 64 MB a tensor. A GPU waits for the next kernel where each is small


def opacities(brush: Brush, strokes: Tensor, canvas: Canvas) -> Tensor:
    """How much each stroke covers of a canvas of its own.

    Whole canvases, for small ones: `painting.raster` is for few large canvases and finds windows first.

    Args:
        strokes: numbers in 0…1, [N, len(brush.columns)].
    Returns:
        0…1, [N, H, W]
    """
    at_once = strokes_at_once(canvas.height * canvas.width, strokes.device)
    return torch.cat([_opacities(brush, part, canvas) for part in strokes.split(at_once)])


def strokes_at_once(pixels: int, device: torch.device) -> int:
    """Strokes of so many pixels each that are best computed together: few in a processor's cache, many on a GPU."""
    return max(1, (MOST_PIXELS if device.type == "cpu" else _MOST_ON_A_GPU) // pixels)


def lay(alphas: Tensor, colours: Tensor, canvases: Tensor) -> Tensor:
    """Lay strokes over canvases in their order.

    Args:
        alphas: opacities 0…1, [B, k, H, W].
        colours: RGB in 0…1, [B, k, 3].
        canvases: RGB in 0…1, [B, 3, H, W].
    Returns:
        [B, 3, H, W]
    """
    for alpha, colour in zip(alphas.unbind(1), colours.unbind(1), strict=True):
        canvases = canvases + alpha[:, None] * (colour[:, :, None, None] - canvases)
    return canvases


def laid(brush: Brush, strokes: Tensor, canvases: Tensor) -> Tensor:
    """Canvases [B, 3, H, W] after strokes [B, k, columns]."""
    canvas = Canvas(*canvases.shape[2:])
    flat = strokes.flatten(0, 1)
    alphas = opacities(brush, flat, canvas).unflatten(0, strokes.shape[:2])
    return lay(alphas, brush.colours(flat).unflatten(0, strokes.shape[:2]), canvases)


def _opacities(brush: Brush, strokes: Tensor, canvas: Canvas) -> Tensor:
    origin = torch.zeros(len(strokes), 2, dtype=torch.int64)
    everything = Group(torch.arange(len(strokes)), origin, canvas.height, canvas.width)
    return brush.within(strokes, canvas, everything, "closest")
