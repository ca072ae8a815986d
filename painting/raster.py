"""The rasteriser: strokes of any brush on a canvas of any size, differentiable."""

from collections.abc import Sequence

import torch
from torch import Tensor

from painting.brushes.brush import Brush
from painting.canvas import Canvas
from painting.composite import composite_windows
from painting.windows import Group, group_by_size

ORDERS = (
    "closest",
    "last",
)  # whose opacity a pixel takes: that of the nearest disc's middle, or of the last disc upon it


def paint(
    brush: Brush,
    strokes: Tensor,
    background: Tensor,
    canvas: Canvas,
    *,
    prefixes: Sequence[int] | None = None,
    order: str = "closest",
    cap: float = 1.0,
) -> Tensor:
    """Paint strokes in their order.

    Args:
        strokes: numbers in 0…1, [N, len(brush.columns)].
        background: RGB in 0…1, [3], or a canvas to go on with, [3, H, W].
        prefixes: after how many strokes to keep the canvas, rising; by default after the last.
        order: "closest" (smooth, for optimisation) or "last" (as Learning to Paint's discs overwrite each other).
        cap: no stroke covers more than this, 0…1.
    Returns:
        RGB in 0…1, [len(prefixes), 3, H, W], differentiable by the strokes.
    """
    groups, alphas = opacities(brush, strokes, canvas, order=order, cap=cap)
    counts = (len(strokes),) if prefixes is None else tuple(prefixes)
    return composite_windows(alphas, groups, brush.colours(strokes), background, canvas, counts)


def opacities(
    brush: Brush, strokes: Tensor, canvas: Canvas, *, order: str = "closest", cap: float = 1.0
) -> tuple[list[Group], list[Tensor]]:
    """Each stroke's opacity within its window: windows of equal size together, [n, h, w] each."""
    still = strokes.detach()
    groups = group_by_size(brush.curves(still, canvas), brush.reach(still, canvas), canvas)
    return groups, [cap * brush.within(strokes[group.strokes], canvas, group, order) for group in groups]


def whole_canvas(groups: Sequence[Group], alphas: Sequence[Tensor], canvas: Canvas) -> Tensor:
    """Opacities of windows on canvases of their own, [N, H, W]."""
    count = sum(len(group.strokes) for group in groups)
    full = torch.zeros(count, canvas.height, canvas.width, dtype=alphas[0].dtype if alphas else torch.float32)
    for group, alpha in zip(groups, alphas, strict=True):
        for place, (stroke, (top, left)) in enumerate(zip(group.strokes.tolist(), group.origin.tolist(), strict=True)):
            full[stroke, top : top + group.height, left : left + group.width] = alpha[place]
    return full
