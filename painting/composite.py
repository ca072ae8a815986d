"""Laying strokes over each other: C ← C·(1-α) + α·colour, one after the other.

`composite_loop` is the definition. `composite` is its closed form for whole canvases, `composite_windows` the same
for strokes known within windows only, with a backward pass by hand.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from painting.canvas import Canvas
from painting.windows import Group, in_order


def composite_loop(alphas: Tensor, colours: Tensor, background: Tensor) -> Tensor:
    """Lay strokes over a background one by one.

    Args:
        alphas: opacities 0…1, [N, H, W].
        colours: [N, 3].
        background: [3].
    Returns:
        [3, H, W]
    """
    picture = background[:, None, None].expand(-1, *alphas.shape[1:])
    for alpha, colour in zip(alphas, colours, strict=True):
        picture = picture * (1 - alpha) + alpha * colour[:, None, None]
    return picture


def composite(alphas: Tensor, colours: Tensor, background: Tensor) -> Tensor:
    """`composite_loop` in closed form: each stroke counts by what those above it let through."""
    through = torch.cat([torch.ones_like(alphas[:1]), (1 - alphas.flip(0)).cumprod(0)])
    weights = alphas * through[:-1].flip(0)
    return torch.einsum("nhw,nc->chw", weights, colours) + through[-1] * background[:, None, None]


def composite_windows(
    alphas: Sequence[Tensor],
    groups: Sequence[Group],
    colours: Tensor,
    background: Tensor,
    canvas: Canvas,
    prefixes: Sequence[int],
) -> Tensor:
    """Lay strokes over a background, each within its window, and keep the canvas after each of the given counts.

    Args:
        alphas: opacities of each group's windows, [n, h, w] each.
        groups: the windows; together they hold each of the N strokes once.
        colours: [N, 3].
        background: [3], or a canvas [3, H, W]; without gradient.
        prefixes: after how many strokes to keep the canvas, rising.
    Returns:
        [len(prefixes), 3, H, W]
    """
    return _Windows.apply(groups, background, canvas, tuple(prefixes), colours, *alphas)  # type: ignore[return-value]


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        groups: Sequence[Group],
        background: Tensor,
        canvas: Canvas,
        prefixes: tuple[int, ...],
        colours: Tensor,
        *alphas: Tensor,
    ) -> Tensor:
        ground = background if background.dim() == 3 else background[:, None, None]
        picture = ground.expand(3, canvas.height, canvas.width).clone()
        kept = picture.new_empty(len(prefixes), *picture.shape)
        strokes, slot = list(_slices(groups)), 0
        needs_backward = any(ctx.needs_input_grad)
        beneath: list[Tensor] = []
        for count in range(len(strokes) + 1):
            while slot < len(prefixes) and prefixes[slot] == count:
                kept[slot] = picture
                slot += 1
            if count == len(strokes):
                break
            group, place, rows, columns = strokes[count]
            part = picture[:, rows, columns]
            difference = colours[count, :, None, None] - part
            if needs_backward:
                beneath.append(difference)
            part.addcmul_(difference, alphas[group][place])
        assert slot == len(prefixes)
        ctx.strokes, ctx.prefixes, ctx.beneath, ctx.alphas = strokes, prefixes, beneath, alphas
        return kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_kept: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """From the top stroke down; `beneath` holds colour minus canvas, the derivative by α."""
        grad = torch.zeros_like(grad_kept[0])
        grad_colours = grad.new_zeros(len(ctx.strokes), 3)
        grad_alphas = [torch.empty_like(alpha) for alpha in ctx.alphas]
        slot = len(ctx.prefixes) - 1
        for count in range(len(ctx.strokes), 0, -1):
            while slot >= 0 and ctx.prefixes[slot] == count:
                grad += grad_kept[slot]
                slot -= 1
            group, place, rows, columns = ctx.strokes[count - 1]
            alpha, part = ctx.alphas[group][place], grad[:, rows, columns]
            torch.sum(part * ctx.beneath[count - 1], 0, out=grad_alphas[group][place])
            taken = part * alpha
            torch.sum(taken, (1, 2), out=grad_colours[count - 1])
            part.sub_(taken)
        return None, None, None, None, grad_colours, *grad_alphas


def _slices(groups: Sequence[Group]) -> list[tuple[int, int, slice, slice]]:
    """(group, place in it, rows, columns) of every stroke, in order."""
    origins = [group.origin.tolist() for group in groups]
    found = []
    for number, (stroke, index, place) in enumerate(in_order(list(groups))):
        assert stroke == number
        top, left = origins[index][place]
        found.append((index, place, slice(top, top + groups[index].height), slice(left, left + groups[index].width)))
    return found
