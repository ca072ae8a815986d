"""Convolutions to time: those of 3x3 taps by our op and by torch, and all of a generator's by torch alone."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

Call = Callable[[], object]

# Pictures, channels in and out, pixels a side: of a narrow StyleGAN2 at 64 pixels, and of a wide one's upper half.
CONVOLUTIONS = [
    (16, 16, 16, 64),
    (16, 32, 32, 32),
    (16, 64, 64, 16),
    (16, 64, 64, 8),
    (16, 64, 64, 4),
    (1, 64, 64, 256),
    (1, 128, 128, 128),
    (1, 256, 256, 64),
]


def convolution_calls(count: int, channels: int, results: int, size: int) -> dict[str, list[Call]]:
    """By torch and by our op: forward, the gradient of x, that of w. All tensors lie channels last."""
    shapes = [(count, channels, size, size), (results, channels, 3, 3), (count, results, size, size)]
    x, w, dy = (torch.randn(shape).to(memory_format=torch.channels_last) for shape in shapes)
    ones, ours = [1, 1], torch.ops.kaokore

    def torchs(*, of_x: bool) -> Call:
        wanted = [of_x, not of_x, False]
        backward = torch.ops.aten.convolution_backward
        return partial(backward, dy, x, w, None, ones, ones, ones, False, [0, 0], 1, wanted)

    return {
        "forward": [partial(F.conv2d, x, w, padding=1), partial(ours.conv3x3, x, w, False)],
        "gradient of x": [torchs(of_x=True), partial(ours.conv3x3, dy, w, True)],
        "gradient of w": [torchs(of_x=False), partial(ours.conv3x3_weight, dy, x)],
    }


def bare_convolutions(resolution: int, base: int, most: int) -> Call:
    """The convolutions of a generator alone: same shapes, shared weights."""
    layers: list[Callable[[], Tensor]] = []
    size, before = 4, 0
    while size <= resolution:
        channels = min(base // size, most)
        if before:
            x, w = torch.randn(1, before, size // 2, size // 2), torch.randn(before, channels, 3, 3)
            layers.append(lambda x=x, w=w: F.conv_transpose2d(x, w, stride=2))
        x = torch.randn(1, channels, size, size)
        w, rgb = torch.randn(channels, channels, 3, 3), torch.randn(3, channels, 1, 1)
        layers.append(lambda x=x, w=w: F.conv2d(x, w, padding=1))
        layers.append(lambda x=x, w=rgb: F.conv2d(x, w))
        size, before = size * 2, channels
    return lambda: [layer() for layer in layers]
