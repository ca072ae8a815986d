"""Geometry: scale, rotation, stretching, shifts by fractions of a pixel."""

import math
from dataclasses import dataclass

from torch import Tensor

from training.augment.draws import Draws
from training.augment.matrices import identity, rotation, scaling, translation


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Affine changes. They keep the label: a face tilted, nearer or stretched is the same person.

    Rotation comes before and after the stretching, each with probability 1 - √(1 - p), so that a picture is turned at
    all with probability p. A full circle leaks once p nears 1; a limited one (set `faces`) shows limited turns only.
    Source: Karras et al. 2020 (ADA), section 2 and appendix B.
    """

    scale_std: float = 0.2  # of log2
    turn_before: float = 180.0  # largest angle in degrees, before the stretching
    stretch_std: float = 0.2  # of log2: wider by it and lower by it
    turn_after: float = 180.0
    shift_std: float = 0.125  # in widths and heights

    def draw(self, count: int, size: tuple[int, int], p: float, draws: Draws) -> Tensor:
        """Matrices from output to input pixels, centre at the origin, [N, 3, 3]; size is (height, width)."""
        matrix = identity(count, draws.device)
        if self.scale_std:
            factor = _factor(self.scale_std, count, p, draws)
            matrix = matrix @ scaling(1 / factor, 1 / factor)
        if self.turn_before:
            matrix = matrix @ _turn(self.turn_before, count, p, draws)
        if self.stretch_std:
            factor = _factor(self.stretch_std, count, p, draws)
            matrix = matrix @ scaling(1 / factor, factor)
        if self.turn_after:
            matrix = matrix @ _turn(self.turn_after, count, p, draws)
        if self.shift_std:
            height, width = size
            x, y = (draws.normal(2, count) * self.shift_std).where(draws.gate(p, count), 0)
            matrix = matrix @ translation(-x * width, -y * height)
        return matrix


def _factor(std: float, count: int, p: float, draws: Draws) -> Tensor:
    return (draws.normal(count) * std).exp2().where(draws.gate(p, count), 1)


def _turn(largest: float, count: int, p: float, draws: Draws) -> Tensor:
    angle = (2 * draws.uniform(count) - 1) * math.radians(largest)
    return rotation(angle.where(draws.gate(1 - math.sqrt(1 - min(p, 1)), count), 0))
