"""What a rasteriser asks of a brush."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from painting.canvas import Canvas
from painting.curves import nearest
from painting.windows import Group


@dataclass(frozen=True)
class Marks:
    """Pixels of n windows, and where each lies as seen from its stroke.

    Attributes:
        points: the strokes' curves in pixels, [n, 3, 2].
        rows, columns: pixel centres, [n, h] and [n, w].
        distance: pixels to the curve point it belongs to (`painting.curves`), [n, h, w].
        t: where on the curve that lies, 0…1, [n, h, w].
    """

    points: Tensor
    rows: Tensor
    columns: Tensor
    distance: Tensor
    t: Tensor


class Brush(ABC):
    """A kind of stroke: `columns` names its numbers, each in 0…1."""

    name: str
    columns: tuple[str, ...]

    def column(self, strokes: Tensor, name: str) -> Tensor:
        """One number of each stroke, [N]."""
        return strokes[:, self.columns.index(name)]

    def colours(self, strokes: Tensor) -> Tensor:
        """RGB of each stroke, [N, 3]."""
        first = self.columns.index("red")
        return strokes[:, first : first + 3]

    @abstractmethod
    def curves(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """Start, control and end of each stroke's quadratic Bézier as (row, column) in pixels, [N, 3, 2]."""

    def radii(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """Radius at both ends in pixels, [N, 2], of a brush that tapers evenly; zeros for any other."""
        return strokes.new_zeros(len(strokes), 2)

    @abstractmethod
    def reach(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """How far from its curve each stroke can mark, in pixels, [N]."""

    @abstractmethod
    def opacity(self, strokes: Tensor, canvas: Canvas, marks: Marks, order: str) -> Tensor:
        """How much each stroke covers each pixel of its window, 0…1, [n, h, w]."""

    def within(self, strokes: Tensor, canvas: Canvas, group: Group, order: str) -> Tensor:
        """How much each stroke covers each pixel of its window, the windows given by a group, 0…1, [n, h, w]."""
        points = self.curves(strokes, canvas)
        rows, columns = group.pixel_centres(like=points)
        distance, t = nearest(points, self.radii(strokes, canvas), rows, columns)
        return self.opacity(strokes, canvas, Marks(points, rows, columns, distance, t), order)

    @abstractmethod
    def encode(self, points: Tensor, size: Tensor, colours: Tensor) -> Tensor:
        """Strokes along curves: what `curves` undoes, as far as a brush can.

        Args:
            points: start, control and end, (row, column) as fractions of the sides, [N, 3, 2].
            size: half the thickness, as a fraction of the shorter side, [N].
            colours: [N, 3].
        Returns:
            [N, len(columns)], in 0…1.
        """


def coverage(radius: Tensor, distance: Tensor) -> Tensor:
    """How much of a pixel a line of half-thickness `radius` covers at a distance, both in pixels: a one-pixel ramp.

    Exact for a long straight line along the grid, also for one thinner than a pixel.
    """
    return F.hardtanh(0.5 + radius - distance, 0, 1) - F.hardtanh(0.5 - radius - distance, 0, 1)
