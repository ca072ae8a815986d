"""Losses of logits, a number for each picture."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from classification.config import CrossEntropyConfig, GeneralisedConfig


def loss_of(config: CrossEntropyConfig | GeneralisedConfig, logits: Tensor, labels: Tensor) -> Tensor:
    """logits [N, classes], labels int64 [N] → [N].

    Source of the generalised one: Zhang and Sabuncu 2018, eq. 6.
    """
    negative_log = cross_entropy(logits.float(), labels, reduction="none")
    if isinstance(config, CrossEntropyConfig):
        return negative_log
    return (1 - torch.exp(-config.q * negative_log)) / config.q
