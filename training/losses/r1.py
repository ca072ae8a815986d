"""R1: half gamma times the squared gradient of D at real pictures (Mescheder et al. 2018)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.losses.term import TermOutput
from training.players import Players, Slice


@dataclass(frozen=True)
class R1:
    """gamma/2 · |∇D(x)|², the gradient taken before the augmentation."""

    gamma: float

    def __call__(self, players: Players, part: Slice) -> TermOutput:
        """One penalty per real picture, [n]."""
        reals, labels = players.reals(part)
        reals.requires_grad_(True)
        penalty = r1_penalty(players.judge(reals, labels, part, "r1"), reals)
        return TermOutput(loss=penalty * (self.gamma / 2), values={"r1/penalty": penalty.detach()})


def r1_penalty(logits: Tensor, reals: Tensor) -> Tensor:
    """Squared gradient of each picture's logit, [n], differentiable; logits [n, 1] computed from reals [n, C, R, R]."""
    (gradient,) = torch.autograd.grad(logits.sum(), reals, create_graph=True)
    return gradient.square().sum(dim=[1, 2, 3])
