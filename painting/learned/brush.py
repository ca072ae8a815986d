"""A trained painter as a brush: the strokes of the brush it imitates, drawn by the network."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painting.brushes.brush import Brush, Marks
from painting.canvas import Canvas
from painting.learned import geometry
from painting.windows import Group


def shape_columns(brush: Brush) -> list[int]:
    """The columns that are not colour: what a network sees of a stroke."""
    return [index for index, name in enumerate(brush.columns) if name not in ("red", "green", "blue")]


def shape_of(brush: Brush, strokes: Tensor) -> Tensor:
    """What a network sees of strokes, centred, [N, len(shape_columns)] in -1…1: from 0…1 they learn more slowly."""
    return 2 * strokes[:, shape_columns(brush)] - 1


class LearnedBrush(Brush):
    """What all of them share: everything but opacity is the imitated brush's.

    Attributes:
        imitated: the analytic brush, whose strokes these are.
    """

    def __init__(self, imitated: Brush, network: nn.Module):
        self.imitated, self.network = imitated, network
        self.name, self.columns = imitated.name, imitated.columns

    def curves(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return self.imitated.curves(strokes, canvas)

    def radii(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return self.imitated.radii(strokes, canvas)

    def encode(self, points: Tensor, size: Tensor, colours: Tensor) -> Tensor:
        return self.imitated.encode(points, size, colours)

    def whole(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """Opacities on whole canvases, [N, H, W]."""
        everything = Group(
            torch.arange(len(strokes)), torch.zeros(len(strokes), 2, dtype=torch.long), canvas.height, canvas.width
        )
        return self.within(strokes, canvas, everything, "closest")


class GeometryBrush(LearnedBrush):
    """`geo`: the network looks at the rasteriser's geometry, pixel by pixel."""

    def reach(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        return geometry.reach(self.imitated, strokes, canvas)

    def opacity(self, strokes: Tensor, canvas: Canvas, marks: Marks, order: str) -> Tensor:
        return geometry.opacity(self.network, self.imitated, strokes, canvas, marks)


class PictureBrush(LearnedBrush):
    """`fcn`, `gan`, `vae`: the network draws the whole canvas at its own size, which is resampled to the one asked."""

    def reach(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """So far that every window is the whole canvas."""
        return strokes.new_full((len(strokes),), 2.0 * (canvas.height + canvas.width))

    def within(self, strokes: Tensor, canvas: Canvas, group: Group, order: str) -> Tensor:
        assert (group.height, group.width) == (canvas.height, canvas.width)
        return self._drawn(strokes, canvas)

    def opacity(self, strokes: Tensor, canvas: Canvas, marks: Marks, order: str) -> Tensor:
        assert marks.t.shape[1:] == (canvas.height, canvas.width)
        return self._drawn(strokes, canvas)

    def _drawn(self, strokes: Tensor, canvas: Canvas) -> Tensor:
        """[N, H, W]"""
        picture = torch.sigmoid(self.network(shape_of(self.imitated, strokes)))
        size = (canvas.height, canvas.width)
        if picture.shape[1:] == size:
            return picture
        return F.interpolate(picture[:, None], size=size, mode="bilinear", antialias=True)[:, 0].clamp(0, 1)
