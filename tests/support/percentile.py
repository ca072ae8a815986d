"""Draws that are no draws: every number is the same percentile of its distribution, every gate is open."""

import torch
from torch import Tensor

from training.augment.draws import Draws


class FixedPercentile(Draws):
    """The convention of the golden ADA pictures, found from their numbers.

    A uniform number is the percentile q, a normal one erfinv(2q - 1), the size of a normal one erfinv(q): without the
    √2 of the true percentiles. `noise` stands for the pixels' noise, which was captured.
    """

    def __init__(self, q: float, noise: Tensor | None = None):
        super().__init__(torch.Generator())
        self.q, self.noise = torch.tensor(q), noise

    def uniform(self, *shape: int) -> Tensor:
        return self.q.expand(shape)

    def normal(self, *shape: int) -> Tensor:
        return torch.erfinv(2 * self.q - 1).expand(shape)

    def half_normal(self, *shape: int) -> Tensor:
        return torch.erfinv(self.q).expand(shape)

    def gate(self, p: float, *shape: int) -> Tensor:
        return torch.ones(shape, dtype=torch.bool)

    def pixels(self, images: Tensor) -> Tensor:
        assert self.noise is not None
        return self.noise.to(images)
