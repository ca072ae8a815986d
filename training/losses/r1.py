"""R1: half gamma times the squared gradient of D at real pictures (Mescheder et al. 2018)."""

from dataclasses import dataclass

import torch

from training.losses.term import TermOutput
from training.players import Players, Slice


@dataclass(frozen=True)
class R1:
    """gamma/2 · |∇D(x)|², the gradient taken before the augmentation."""

    gamma: float

    def __call__(self, players: Players, part: Slice) -> TermOutput:
        """One penalty per real picture, [n]."""
        reals, labels = players.data.reals(part.shown, part.size)
        reals.requires_grad_(True)
        logits = players.judge(reals, labels, part, "r1")
        (gradient,) = torch.autograd.grad(logits.sum(), reals, create_graph=True)
        penalty = gradient.square().sum(dim=[1, 2, 3])
        return TermOutput(loss=penalty * (self.gamma / 2), values={"r1/penalty": penalty.detach()})
