"""How pictures lie in memory: the one place that chooses it, and the one that tells it."""

import torch
from torch import Tensor

_channels_last: set[str] = set()  # kinds of devices


def prefer_channels_last(device: str) -> None:
    """From now on, networks on this kind of device ("cpu") keep the channels of a pixel together."""
    _channels_last.add(device)


def preferred_layout(x: Tensor) -> torch.memory_format:
    """The layout in which convolutions and ops around them are fastest for x's device (docs/decisions/0009)."""
    return torch.channels_last if x.device.type in _channels_last else torch.contiguous_format


def laid_out(x: Tensor) -> Tensor:
    """[N, C, H, W] in the preferred layout; x itself if it is already."""
    return x.contiguous(memory_format=preferred_layout(x))


def layout_of(x: Tensor) -> torch.memory_format:
    """Channels last if [N, C, H, W] lies so and that is not the same as contiguous; all else counts as contiguous."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
