"""How pictures lie in memory: the one place that chooses it, and the one that tells it."""

import torch
from torch import Tensor

_channels_last: set[str] = set()  # kinds of devices
_OUTWEIGHED = 8  # numbers in a weight for each of a picture, from which on moving the weight costs more than it gains


def prefer_channels_last(device: str) -> None:
    """From now on, networks on this kind of device ("cpu") keep the channels of a pixel together."""
    _channels_last.add(device)


def preferred_layout(x: Tensor, w: Tensor) -> torch.memory_format:
    """The layout in which x is convolved with w, and worked on before and after, fastest (docs/decisions/0009)."""
    outweighed = w.numel() > _OUTWEIGHED * x.numel()
    last = x.device.type in _channels_last and not outweighed
    return torch.channels_last if last else torch.contiguous_format


def layout_of(x: Tensor) -> torch.memory_format:
    """Channels last if [N, C, H, W] lies so and that is not the same as contiguous; all else counts as contiguous."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
