"""How pictures lie in memory where that is a choice: the one place that makes it."""

import torch
from torch import Tensor

_channels_last: set[str] = set()  # kinds of devices


def prefer_channels_last(device: str) -> None:
    """From now on, networks on this kind of device ("cpu") keep the channels of a pixel together."""
    _channels_last.add(device)


def layout_for(x: Tensor) -> torch.memory_format:
    """The layout in which convolutions and ops around them are fastest for x's device (docs/decisions/0009)."""
    return torch.channels_last if x.device.type in _channels_last else torch.contiguous_format


def laid_out(x: Tensor) -> Tensor:
    """[N, C, H, W] in that layout; x itself if it is already."""
    return x.contiguous(memory_format=layout_for(x))
