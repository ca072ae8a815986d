"""Windows: the part of a canvas that a stroke can touch, so that a thin stroke costs its own area alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from painting.canvas import Canvas
from painting.curves import points_at

SIDES = (16, 32, 48, 64, 96, 128, 192, 256, 512)  # pixels; larger windows are as large as the canvas
GROUP_COST = 16_000  # pixels that take as long as one group more
MOST_PIXELS = 1 << 17  # of windows computed together: their tensors then stay in the processor's cache


@dataclass(frozen=True)
class Group:
    """Windows of equal size.

    Attributes:
        strokes: their strokes' numbers, rising, [n].
        origin: top and left of each window, [n, 2].
    """

    strokes: Tensor
    origin: Tensor
    height: int
    width: int

    def pixel_centres(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Rows [n, h] and columns [n, w] of the windows' pixel centres, of the type of `like`."""
        rows = self.origin[:, :1] + torch.arange(self.height) + 0.5
        columns = self.origin[:, 1:] + torch.arange(self.width) + 0.5
        return rows.to(like), columns.to(like)


@torch.no_grad()
def group_by_size(points: Tensor, reach: Tensor, canvas: Canvas) -> list[Group]:
    """Group strokes by the size of window that holds them.

    Args:
        points: curves in pixels, [N, 3, 2].
        reach: how far from its curve each stroke marks, in pixels, [N].
    """
    if not len(points):
        return []
    low, high = bounds(points)
    corner = torch.tensor([canvas.height, canvas.width])
    first = (low - reach[:, None]).floor().long().clamp_min(0).minimum(corner - 1)
    last = (high + reach[:, None]).ceil().long().maximum(first + 1).minimum(corner)
    sides = torch.stack([_rounded(last - first, axis, int(corner[axis])) for axis in (0, 1)], dim=1)
    shapes, which, counts = torch.unique(sides, dim=0, return_inverse=True, return_counts=True)
    shared = shapes.new_tensor(_merged(shapes.tolist(), counts.tolist()))
    sides = shared[which]
    origin = first.minimum(corner - sides)
    groups = []
    for height, width in torch.unique(shared, dim=0).tolist():
        members = (sides == sides.new_tensor([height, width])).all(1).nonzero()[:, 0]
        for part in members.split(max(1, MOST_PIXELS // (height * width))):
            groups.append(Group(part, origin[part], height, width))
    return groups


def _merged(shapes: list[list[int]], counts: list[int]) -> list[list[int]]:
    """For each shape one that holds it: shapes go together where that costs fewer pixels than a group does.

    Args:
        shapes: heights and widths.
        counts: windows of each shape.
    """
    tallies = {tuple(shape): count for shape, count in zip(shapes, counts, strict=True)}
    holds = {shape: shape for shape in tallies}
    for shape in sorted(tallies, key=lambda shape: shape[0] * shape[1] * tallies[shape]):
        if shape not in tallies:  # went into another one before
            continue
        unions = [(max(shape[0], other[0]), max(shape[1], other[1]), other) for other in tallies if other != shape]
        prices = []
        for height, width, other in unions:
            before = shape[0] * shape[1] * tallies[shape] + other[0] * other[1] * tallies[other]
            prices.append((height * width * (tallies[shape] + tallies[other]) - before, (height, width), other))
        if not prices or min(prices)[0] > GROUP_COST:
            continue
        _, union, other = min(prices)
        total = tallies.pop(shape) + tallies.pop(other)
        tallies[union] = tallies.get(union, 0) + total
        holds = {own: union if held in (shape, other) else held for own, held in holds.items()}
    return [list(holds[tuple(shape)]) for shape in shapes]


def in_order(groups: list[Group]) -> Iterator[tuple[int, int, int]]:
    """(stroke, group, place in the group), by rising stroke."""
    places = [
        (stroke, index, place)
        for index, group in enumerate(groups)
        for place, stroke in enumerate(group.strokes.tolist())
    ]
    return iter(sorted(places))


def bounds(points: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest row and column of each curve, both [N, 2]: its ends, and where it turns."""
    start, control, end = points.unbind(1)
    bend = start - 2 * control + end
    turn = torch.where(bend.abs() > 1e-6, (start - control) / bend, torch.zeros_like(bend)).clamp(0, 1)
    rows, columns = points_at(points, turn).unbind(1)
    turned = torch.stack([rows[:, 0], columns[:, 1]], dim=1)
    every = torch.stack([start, end, turned])
    return every.amin(0), every.amax(0)


def _rounded(extent: Tensor, axis: int, side: int) -> Tensor:
    """Each extent rounded up to the next window side, at most the canvas's."""
    sides = torch.tensor([*(size for size in SIDES if size < side), side])
    return sides[torch.bucketize(extent[:, axis].contiguous(), sides)]
