"""The Wasserstein critic's loss with gradient penalty (Gulrajani et al. 2017), for pairs of reference and picture."""

from collections.abc import Callable

import torch
from torch import Tensor

WEIGHT = 10.0  # of the penalty

Score = Callable[[Tensor, Tensor], Tensor]  # (references, pictures) → [B]


def critic_loss(score: Score, references: Tensor, canvases: Tensor) -> Tensor:
    """Canvases are to score low against their references, references themselves high; slopes between are to be 1.

    Args:
        references, canvases: RGB, [B, 3, H, W], without gradient.
    """
    mix = torch.rand(len(canvases), 1, 1, 1, device=canvases.device)
    between = (mix * references + (1 - mix) * canvases).requires_grad_()
    (slope,) = torch.autograd.grad(score(references, between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return score(references, canvases).mean() - score(references, references).mean() + WEIGHT * penalty
