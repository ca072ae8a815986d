"""Networks that follow others: moving averages, slow copies."""

import torch
from torch import nn


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, share: float) -> None:
    """Move a network's weights and statistics a share of the way to another's; whole numbers are taken over."""
    now = source.state_dict()
    for name, value in target.state_dict().items():
        if value.is_floating_point():
            value.lerp_(now[name], share)
        else:
            value.copy_(now[name])


def settling(decay: float, step: int) -> float:
    """The share that an average of this decay moves at a step: more at first, when there is little to remember."""
    return 1 - min(decay, (1 + step) / (10 + step))
