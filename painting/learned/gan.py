"""The GAN neural painter and its critic (Nakano, "Neural Painters", 2019, chapter 1), drawing ink only.

The original paints RGB and takes the colour among its inputs. Here one map of ink comes out, and the stroke's own
colour is laid on with it, as opacity: nothing is divided by an image's maximum, so an empty stroke stays empty.
"""

import torch
from torch import Tensor, nn

_FIRST = 256  # channels of the first map, a sixteenth as large as the picture


class Generator(nn.Module):
    """A linear layer and four transposed convolutions, without noise: the same stroke is always the same picture.

    Args:
        size: of the picture, a multiple of 16.
    """

    def __init__(self, inputs: int, size: int):
        super().__init__()
        side = size // 16
        self.layers = nn.Sequential(
            nn.Linear(inputs, _FIRST * side * side, bias=False),
            nn.Unflatten(1, (_FIRST, side, side)),
            nn.BatchNorm2d(_FIRST),
            nn.ReLU(),
            *(part for before, after in ((_FIRST, 128), (128, 64), (64, 32)) for part in _doubling(before, after)),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )

    def forward(self, numbers: Tensor) -> Tensor:
        """[N, inputs] → logits of opacity, [N, size, size]."""
        return self.layers(numbers)[:, 0]


class Critic(nn.Module):
    """Says how real a picture is for a stroke: convolutions, the stroke's numbers added after the first.

    Normalised picture by picture, where the original has batch normalisation: a gradient penalty is one on each
    picture's own gradient (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.first = nn.Conv2d(1, 16, 4, stride=2, padding=1)
        self.stroke = nn.Linear(inputs, 16)
        layers: list[nn.Module] = []
        for before, after in ((16, 32), (32, 64), (64, 128)):
            convolution = nn.Conv2d(before, after, 4, stride=2, padding=1)
            layers += [nn.LeakyReLU(0.2), convolution, nn.GroupNorm(1, after)]
        self.rest = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128 * (size // 16) ** 2, 1))

    def forward(self, pictures: Tensor, numbers: Tensor) -> Tensor:
        """Opacities [N, size, size] and their strokes [N, inputs] → [N]."""
        seen = self.first(pictures[:, None]) + self.stroke(numbers)[:, :, None, None]
        return self.rest(seen)[:, 0]


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, numbers: Tensor, mix: Tensor) -> Tensor:
    """Mean squared distance of the critic's gradient from length 1, between real pictures and fakes.

    Args:
        mix: how much of the fake, 0…1, [N].
    """
    between = torch.lerp(real, fake, mix[:, None, None]).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between, numbers).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).pow(2).mean()


def _doubling(before: int, after: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]
