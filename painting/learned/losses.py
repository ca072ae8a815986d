"""How far drawn opacities are from the brush's, as a sum over a picture, mean over pictures.

Strokes are thin: under squared error alone a network first learns to draw nothing, and may stay there. Cross-entropy
and a higher weight of ink do not let it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_INK, _WEIGHT = 0.02, 10.0  # from which opacity on a pixel has ink, and how much more it counts


def bce(drawn: Tensor, wanted: Tensor, favour_ink: bool) -> Tensor:
    """Binary cross-entropy."""
    return F.binary_cross_entropy(drawn, wanted, reduction="sum") / len(wanted)


def ink(drawn: Tensor, wanted: Tensor, favour_ink: bool) -> Tensor:
    """Squared error, pixels with ink counting tenfold while asked for. Source: Nakano 2019."""
    weight = torch.where(wanted > _INK, _WEIGHT, 1.0) if favour_ink else 1.0
    return (weight * (drawn - wanted) ** 2).sum() / len(wanted)


def squared(drawn: Tensor, wanted: Tensor, favour_ink: bool) -> Tensor:
    """Squared error. Source: Huang et al. 2019."""
    return ((drawn - wanted) ** 2).sum() / len(wanted)


LOSSES: dict[str, Callable[[Tensor, Tensor, bool], Tensor]] = {"bce": bce, "ink": ink, "squared": squared}
