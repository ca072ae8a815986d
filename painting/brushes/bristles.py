"""The hairs of a brush: streaks along a stroke, each hair holding its own amount of ink."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from painting.brushes.brush import Marks
from painting.curves import points_at

_HAIRS, _ALONG, _SEED = 24, 64, 1603
_PERIOD = 40.0  # radii, after which the streaks repeat along a stroke


@torch.no_grad()
def bristles(marks: Marks, radius: Tensor) -> Tensor:
    """How little ink the hair over each pixel holds, 0…1, [n, h, w]: a function of place across and along.

    Args:
        radius: pixels, [n].
    """
    side = _side(marks) * marks.distance / radius[:, None, None].clamp_min(1e-6)
    ends = points_at(marks.points, torch.linspace(0, 1, 9, device=radius.device, dtype=radius.dtype))
    length = (ends[:, 1:] - ends[:, :-1]).norm(dim=2).sum(1)
    along = marks.t * (length / radius.clamp_min(1e-6) / _PERIOD)[:, None, None]
    where = torch.stack([2 * (along % 1) - 1, side.clamp(-1, 1)], dim=-1)
    table = _table().to(where)[None, None]
    flat = where.reshape(1, -1, 1, 2)
    return F.grid_sample(table, flat, padding_mode="border", align_corners=True).reshape(marks.t.shape)


def _side(marks: Marks) -> Tensor:
    """+1 right of the stroke's direction, -1 left of it, for each pixel."""
    start, control, end = marks.points.unbind(1)
    bend, rise = start - 2 * control + end, control - start

    def axis(index: int) -> tuple[Tensor, Tensor]:
        slope = bend[:, index, None, None] * marks.t + rise[:, index, None, None]
        at = (bend[:, index, None, None] * marks.t + 2 * rise[:, index, None, None]) * marks.t
        return slope, at + start[:, index, None, None]

    (slope_row, row), (slope_column, column) = axis(0), axis(1)
    cross = slope_row * (marks.columns[:, None, :] - column) - slope_column * (marks.rows[:, :, None] - row)
    return torch.where(cross >= 0, 1.0, -1.0)


@lru_cache(maxsize=1)
def _table() -> Tensor:
    """[hairs, along], ranks in 0…1: hairs differ much, and each a little along its way; repeats along."""
    rng = np.random.default_rng(_SEED)
    frequency = np.fft.rfftfreq(_ALONG, 1 / _ALONG)
    along = np.fft.irfft(np.fft.rfft(rng.standard_normal((_HAIRS, _ALONG)), axis=1) * np.exp(-((frequency / 6) ** 2)))
    table = rng.standard_normal((_HAIRS, 1)) + 0.9 * along / along.std()
    ranks = table.ravel().argsort().argsort().reshape(table.shape) / (table.size - 1)
    return torch.from_numpy(np.concatenate([ranks, ranks[:, :1]], axis=1)).float()
