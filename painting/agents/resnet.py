"""The networks of Learning to Paint's agent: an actor, a critic and the reward's discriminator.

Source: Huang et al., "Learning to Paint with Model-based Deep Reinforcement Learning", ICCV 2019; shapes as published
with it. `width` 64 is the paper's; smaller ones are for processors.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from painting.agents.policy import Memory, Policy, coordinates, plane
from painting.brushes.brush import Brush

WIDTH = 64
_GROWTH = (1, 2, 4, 8)  # of the channels, stage by stage; every stage begins by halving the size
_BLOCKS = 2

Convolution = Callable[[int, int, int, int], nn.Module]  # channels in, out, kernel, stride


class ResnetPolicy(Policy):
    """ResNet-18 on canvas, reference, stage and coordinates; a bundle of strokes at once."""

    def __init__(self, brush: Brush, size: int, bundle: int, steps: int, *, width: int = WIDTH):
        super().__init__(brush, size, bundle, steps)
        self.body = _Body(3 + 3 + 1 + 2, width, _normalised, nn.ReLU)
        self.out = nn.Linear(width * _GROWTH[-1], bundle * len(brush.columns))
        self.register_buffer("coordinates", coordinates(size), persistent=False)

    def forward(self, canvases: Tensor, references: Tensor, step: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        where = self.get_buffer("coordinates").expand(len(canvases), -1, -1, -1)
        stage = plane(step, self.steps, self.size)
        numbers = self.out(self.body(torch.cat([canvases, references, stage, where], 1))).sigmoid()
        return numbers.unflatten(1, (self.bundle, len(self.brush.columns))), memory


class Critic(nn.Module):
    """The worth of a look, from the canvas before and after it: what is still to come, without the look's own reward.

    The canvas after it is what the rasteriser makes of the strokes: that is what is "model-based" here.
    """

    def __init__(self, size: int, steps: int, *, width: int = WIDTH):
        super().__init__()
        self.size, self.steps = size, steps
        self.body = _Body(3 + 3 + 3 + 1 + 2, width, _weight_normalised, TReLU)
        self.out = nn.Linear(width * _GROWTH[-1], 1)
        self.register_buffer("coordinates", coordinates(size), persistent=False)

    def forward(self, before: Tensor, after: Tensor, references: Tensor, step: Tensor) -> Tensor:
        """Canvases and references [B, 3, size, size], looks before this one [B] → [B]."""
        where = self.get_buffer("coordinates").expand(len(before), -1, -1, -1)
        stage = plane(step + 1, self.steps, self.size)
        return self.out(self.body(torch.cat([before, after, references, stage, where], 1)))[:, 0]


class Discriminator(nn.Module):
    """How alike a canvas and its reference are, as a critic of Wasserstein distance learns it."""

    def __init__(self, *, width: int = 16):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 6
        for out in (width, 2 * width, 4 * width, 8 * width):
            layers += [weight_norm(nn.Conv2d(channels, out, 5, 2, 2)), TReLU()]
            channels = out
        self.layers = nn.Sequential(*layers, weight_norm(nn.Conv2d(channels, 1, 5, 2, 2)))

    def forward(self, references: Tensor, canvases: Tensor) -> Tensor:
        """Both [B, 3, size, size] → [B]."""
        return self.layers(torch.cat([references, canvases], 1)).mean((1, 2, 3))


class TReLU(nn.Module):
    """ReLU with a learned threshold a, below which it stays at a (Xiang and Li 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x - self.threshold) + self.threshold


class _Body(nn.Module):
    """ResNet-18 whose stem and four stages all halve the size; [B, C, H, W] → [B, 8·width]."""

    def __init__(self, channels: int, width: int, convolution: Convolution, activation: Callable[[], nn.Module]):
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, width, 3, 2), activation()]
        before = width
        for growth in _GROWTH:
            for block in range(_BLOCKS):
                layers.append(_Block(before, growth * width, 1 if block else 2, convolution, activation))
                before = growth * width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


class _Block(nn.Module):
    def __init__(
        self, channels: int, out: int, stride: int, convolution: Convolution, activation: Callable[[], nn.Module]
    ):
        super().__init__()
        self.inner = nn.Sequential(convolution(channels, out, 3, stride), activation(), convolution(out, out, 3, 1))
        self.beside = convolution(channels, out, 1, stride) if stride != 1 or channels != out else nn.Identity()
        self.end = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.inner(x) + self.beside(x))


def _normalised(channels: int, out: int, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out))


def _weight_normalised(channels: int, out: int, kernel: int, stride: int) -> nn.Module:
    return weight_norm(nn.Conv2d(channels, out, kernel, stride, kernel // 2))
