"""Blit: mirror, quarter turns, shifts by whole pixels."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.augment.draws import Draws
from training.augment.matrices import identity, rotation, scaling, translation


@dataclass(frozen=True, kw_only=True)
class Blit:
    """Changes that move pixels without mixing them. They keep the label: who is shown does not depend on where.

    Quarter turns leak into the generated pictures once p nears 1, when all four become equally likely (the same
    paper, section 2.2), and faces are never seen upside down: the set `faces` leaves them out.
    Source: Karras et al. 2020 (ADA), section 2 and appendix B.
    """

    mirror: bool = True
    quarter_turns: bool = True
    shift: float = 0.125  # largest, in widths and heights

    def draw(self, count: int, size: tuple[int, int], p: float, draws: Draws) -> Tensor:
        """Matrices from output to input pixels, centre at the origin, [N, 3, 3]; size is (height, width)."""
        matrix = identity(count, draws.device)
        if self.mirror:
            sign = 1 - 2 * (2 * draws.uniform(count)).floor()
            sign = sign.where(draws.gate(p, count), 1)
            matrix = matrix @ scaling(1 / sign, torch.ones_like(sign))
        if self.quarter_turns:
            turns = (4 * draws.uniform(count)).floor().where(draws.gate(p, count), 0)
            matrix = matrix @ rotation(turns * (math.pi / 2)).round()  # rounded: exact zeros and ones
        if self.shift:
            height, width = size
            shift = (2 * draws.uniform(2, count) - 1) * self.shift
            x, y = shift.where(draws.gate(p, count), 0)
            matrix = matrix @ translation(-(x * width).round(), -(y * height).round())
        return matrix
