"""The neural painters' agent: a recurrent network that says one stroke at a time, and the critic it is to please.

Source: Nakano, "Neural Painters", 2019, and SPIRAL (Ganin et al. 2018), as in our specification. The critic has layer
normalisation where the original has batch normalisation, which a gradient penalty for each picture does not allow.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painting.agents.policy import Memory, Policy
from painting.brushes.brush import Brush

_CHANNELS, _BLOCKS, _HIDDEN = 32, 8, 256


class RecurrentPolicy(Policy):
    """Sees canvas and reference, remembers its last stroke and a hidden state; `bundle` is always 1."""

    def __init__(self, brush: Brush, size: int, steps: int):
        super().__init__(brush, size, 1, steps)
        self.see = nn.Conv2d(6, _CHANNELS, 5, padding=2)
        self.recall = nn.Linear(len(brush.columns), _CHANNELS)
        self.shrink = nn.ModuleList(nn.Conv2d(_CHANNELS, _CHANNELS, 4, 2) for _ in range(3))
        self.blocks = nn.ModuleList(_Block() for _ in range(_BLOCKS))
        side = size
        for _ in self.shrink:
            side = (side - 4) // 2 + 1
        self.flat = nn.Linear(_CHANNELS * side * side, _HIDDEN)
        self.remember = nn.LSTMCell(_HIDDEN, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, len(brush.columns))

    def start(self, count: int) -> Memory:
        like = self.out.weight
        hidden = like.new_zeros(count, _HIDDEN)
        return hidden, hidden, like.new_zeros(count, len(self.brush.columns))

    def forward(self, canvases: Tensor, references: Tensor, step: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        hidden, cell, last = memory
        x = self.see(torch.cat([canvases, references], 1)) + self.recall(last)[:, :, None, None]
        for shrink in self.shrink:
            x = shrink(F.relu(x))
        for block in self.blocks:
            x = block(x)
        hidden, cell = self.remember(F.relu(self.flat(F.relu(x).flatten(1))), (hidden, cell))
        stroke = self.out(hidden).sigmoid()
        return stroke[:, None], (hidden, cell, stroke)


class ConditionalCritic(nn.Module):
    """Scores a canvas as a painting of its reference."""

    def __init__(self, *, width: int = 64):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 6
        for growth in (1, 2, 4, 8):
            out = growth * width
            norm = [nn.GroupNorm(1, out)] if growth > 1 else []
            layers += [nn.Conv2d(channels, out, 4, 2, 1), *norm, nn.LeakyReLU(0.2)]
            channels = out
        self.layers = nn.Sequential(*layers)
        self.out = nn.Linear(channels, 1)

    def forward(self, references: Tensor, canvases: Tensor) -> Tensor:
        """Both [B, 3, size, size] → [B]."""
        return self.out(self.layers(torch.cat([canvases, references], 1)).mean((2, 3)))[:, 0]


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))
