"""Cutout: a square of nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.augment.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """Blank a rectangle about a random centre. It keeps the label as long as p < 1 shows whole pictures as well.

    Sources: DeVries and Taylor 2017; Karras et al. 2020 (ADA), appendix B.
    """

    size: float = 0.5  # of width and height

    def draw(self, count: int, p: float, draws: Draws) -> Tensor:
        """Rectangles (centre x, centre y, size), each in widths and heights, [N, 3]."""
        size = torch.full((count,), self.size, device=draws.device).where(draws.gate(p, count), 0)
        return torch.cat([draws.uniform(count, 2), size[:, None]], dim=1)


def apply_cutout(images: Tensor, rectangles: Tensor) -> Tensor:
    """Set the rectangles [N, 3] of `Cutout.draw` to 0, mid-grey; size 0 leaves a picture as it is."""
    rectangles = rectangles.to(images.device, images.dtype, non_blocking=True)
    centre_x, centre_y, size = rectangles.split(1, dim=1)
    outside_x = (_positions(images.shape[3], images) - centre_x).abs() >= size / 2  # [N, W]
    outside_y = (_positions(images.shape[2], images) - centre_y).abs() >= size / 2  # [N, H]
    keep = outside_x[:, None, None, :] | outside_y[:, None, :, None]
    return images * keep.to(images.dtype)


def _positions(length: int, like: Tensor) -> Tensor:
    """Middles of pixels in 0…1, [1, length]."""
    return ((torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) / length)[None]
