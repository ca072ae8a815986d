"""Moves of a picture by whole pixels, by parts of pixels and by rotation, and which pixels can be compared after them.

Coordinates: x to the right, y down, the origin in the middle of the picture. A move's matrix takes a place of the
still picture to its place in the moved one; a generator is moved by it, a picture by resampling, and `pair` gives
the two where they ought to agree: pixels whose filter would reach beyond the picture's edge are left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from metrics.disc_filter import REACH, disc_response, disc_taps

_LANCZOS = 3  # lobes on either side
_BLOCK = 2048  # places resampled together, to bound memory

Pair = tuple[Tensor, Tensor]


class Motion(Protocol):
    """A move of a square picture."""

    def matrix(self, resolution: int) -> Tensor:
        """[3, 3], float32, for column vectors (x, y, 1), in units of the picture's side."""
        ...

    def pair(self, still: Tensor, moved: Tensor) -> Pair:
        """What to compare: the still picture moved by resampling, and the picture the moved generator made.

        Args:
            still, moved: [N, C, R, R].
        Returns:
            The comparable pixels of both, float64, [N, C, pixels].
        """
        ...


@dataclass(frozen=True)
class WholeShift:
    """By whole pixels: nothing is resampled, the overlap is compared."""

    right: int
    down: int

    def matrix(self, resolution: int) -> Tensor:
        """See Motion."""
        return _translation(self.right / resolution, self.down / resolution)

    def pair(self, still: Tensor, moved: Tensor) -> Pair:
        """See Motion."""
        (from_y, to_y), (from_x, to_x) = _overlap(self.down, still.shape[2]), _overlap(self.right, still.shape[3])
        return _flat(still[:, :, from_y, from_x]), _flat(moved[:, :, to_y, to_x])


@dataclass(frozen=True)
class Shift:
    """By any number of pixels: the still picture is resampled by a Lanczos filter of three lobes, axis by axis.

    The six weights are divided by their sum, or flat areas would ripple. Near the highest frequencies a filter as short
    as this is inexact, and the value is bounded by it rather than by the network.
    """

    right: float
    down: float

    def matrix(self, resolution: int) -> Tensor:
        """See Motion."""
        return _translation(self.right / resolution, self.down / resolution)

    def pair(self, still: Tensor, moved: Tensor) -> Pair:
        """See Motion."""
        down, right = math.ceil(self.down), math.ceil(self.right)
        resampled = _between(_between(still.double(), down - self.down, 2), right - self.right, 3)
        # The first value lies after pixel 2, the last before the third from the end: the filter's middle.
        inner = slice(_LANCZOS - 1, still.shape[2] - _LANCZOS)
        (from_y, to_y), (from_x, to_x) = _overlap(down, moved.shape[2], inner), _overlap(right, moved.shape[3], inner)
        return _flat(resampled[:, :, from_y, from_x]), _flat(moved[:, :, to_y, to_x])


@dataclass(frozen=True)
class Rotation:
    """About the middle, by an angle in radians; a positive one turns the x axis towards minus y: anticlockwise as seen.

    A pixel grid holds a square of frequencies, and a rotated grid a rotated square: the corners of either are not in
    the other, so neither picture can be expected to show them. Both are therefore low-passed to the same frequencies
    before they are compared, in one step with the resampling. Here these are a disc within all such squares, so that
    every angle is judged by the same frequencies; the paper keeps the square's intersection with its rotated copy,
    which holds more of the corners the nearer the angle is to a quarter turn. See `disc_filter` for the filter.
    """

    angle: float

    def matrix(self, resolution: int) -> Tensor:
        """See Motion."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=torch.float32)

    def pair(self, still: Tensor, moved: Tensor) -> Pair:
        """See Motion."""
        resolution = still.shape[3]
        places, sources = self._places(resolution, still.device)
        taps = disc_taps().to(still.device)
        smooth = conv2d(moved.double().flatten(0, 1)[:, None], taps[None, None]).unflatten(0, moved.shape[:2])
        cut = REACH - 1
        rows, columns = places[:, 1] - cut, places[:, 0] - cut
        return _at(still.double(), sources), smooth[:, :, 0, rows, columns]

    def _places(self, resolution: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Comparable pixels as (column, row) [K, 2], int64, and where in the still picture each comes from, float64."""
        line = torch.arange(resolution, device=device, dtype=torch.float64)
        places = torch.cartesian_prod(line, line)
        middle = (resolution - 1) / 2
        turn = self.matrix(resolution)[:2, :2].to(device, torch.float64)
        sources = (places - middle) @ turn + middle  # row vectors: times the transpose of the inverse, which is `turn`
        inside = _inside(places, resolution) & _inside(sources, resolution)
        return places[inside].long(), sources[inside]


def _translation(right: float, down: float) -> Tensor:
    return torch.tensor([[1, 0, right], [0, 1, down], [0, 0, 1]], dtype=torch.float32)


def _flat(pictures: Tensor) -> Tensor:
    return pictures.double().flatten(2)


def _overlap(shift: int, size: int, valid: slice | None = None) -> tuple[slice, slice]:
    """Where pixels come from and go to if moved by `shift` and both within the picture.

    valid: source pixels there are; those given are counted from its start.
    """
    first, end = (valid.start, valid.stop) if valid else (0, size)
    start, stop = max(first, -shift), min(end, size - shift)
    return slice(start - first, stop - first), slice(start + shift, stop + shift)


def _between(pictures: Tensor, part: float, axis: int) -> Tensor:
    """Values `part` of a pixel, in [0, 1), after each pixel along an axis, where the filter is inside: 5 fewer."""
    distances = torch.arange(1 - _LANCZOS, _LANCZOS + 1, dtype=torch.float64) - part
    weights = torch.sinc(distances) * torch.sinc(distances / _LANCZOS)
    weights = torch.where(distances.abs() < _LANCZOS, weights, 0)
    weights = (weights / weights.sum()).tolist()
    size = pictures.shape[axis] - len(weights) + 1
    return torch.stack([w * pictures.narrow(axis, i, size) for i, w in enumerate(weights)]).sum(0)


def _inside(places: Tensor, resolution: int) -> Tensor:
    """Whether all pixels nearer than REACH to a place, in pixels from the first one's centre, are in the picture."""
    return ((places > REACH - 1 - 1e-9) & (places < resolution - REACH + 1e-9)).all(1)


def _at(pictures: Tensor, places: Tensor) -> Tensor:
    """Pictures [N, C, R, R] low-passed to the disc, at places (column, row) between pixels [K, 2]: [N, C, K]."""
    return torch.cat(list(_blocks_at(pictures, places)), dim=2)


def _blocks_at(pictures: Tensor, places: Tensor) -> Iterator[Tensor]:
    line = torch.arange(1 - REACH, REACH + 1, device=places.device)
    around = torch.cartesian_prod(line, line)  # the pixels that any place between four pixels can reach
    for block in places.split(_BLOCK):
        nearest = block.floor().long()[:, None] + around  # [B, taps, 2]
        weights = disc_response((nearest - block[:, None]).norm(dim=2))
        weights = weights / weights.sum(1, keepdim=True)
        index = nearest.clamp(0, pictures.shape[3] - 1)  # those outside are REACH or more away and weigh nothing
        values = pictures.flatten(2)[:, :, index[..., 1] * pictures.shape[3] + index[..., 0]]
        yield (values * weights).sum(3)
