"""The fully connected and convolutional renderer of Learning to Paint (Huang et al., ICCV 2019).

At 128 pixels and ten inputs it has the paper's 11 040 812 weights. Other sizes keep the convolutions and scale the
hidden layers with the number of values they end in.
"""

from itertools import pairwise

from torch import Tensor, nn

_CHANNELS = 16  # of the first map, an eighth as large as the picture


class Renderer(nn.Module):
    """Four linear layers, then three times two convolutions and a pixel shuffle.

    Args:
        inputs: numbers of a stroke.
        size: of the picture, a multiple of 8.
    """

    def __init__(self, inputs: int, size: int):
        super().__init__()
        side = size // 8
        values = _CHANNELS * side * side
        widths = (inputs, values // 8, values // 4, values // 2, values)
        self.linear = nn.Sequential()
        for before, after in pairwise(widths):
            self.linear.extend([nn.Linear(before, after), nn.ReLU()])
        self.convolutions = nn.Sequential(
            nn.Unflatten(1, (_CHANNELS, side, side)), *_doubling(16, 32), *_doubling(8, 16), *_doubling(4, 8, 4)
        )

    def forward(self, numbers: Tensor) -> Tensor:
        """[N, inputs] → logits of opacity, [N, size, size]."""
        return self.convolutions(self.linear(numbers))[:, 0]


def _doubling(before: int, between: int, after: int | None = None) -> list[nn.Module]:
    """Two convolutions, and a shuffle to twice the size and a quarter of the channels."""
    after = after or between
    return [
        nn.Conv2d(before, between, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(between, after, 3, padding=1),
        nn.PixelShuffle(2),
    ]
