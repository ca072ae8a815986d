"""Random views of pictures: a little moved, scaled and turned on grey ground, all of them in the same way.

A network of features looked at from one place only is fooled by noise that means something to it there alone.
Source: Nakano, "Neural Painters", 2019, whose numbers these are: pad by 12, move by 8, scale by 0.9 to 1.1, turn by -5
to 4 degrees, move by 4. Here they are one resampling instead of three.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

PAD, FIRST_MOVE, SECOND_MOVE = 12, 8, 4  # pixels
SCALES = tuple(1 + step / 50 for step in range(-5, 6))
TURNS = tuple(range(-5, 5))  # degrees
GREY = 0.5


def jittered(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """One view of several pictures of one size, differentiable.

    Args:
        pictures: RGB in 0…1, [N, 3, H, W].
    Returns:
        [N, 3, H + 12, W + 12]
    """
    height, width = pictures.shape[2:]
    margin = 2 * PAD - FIRST_MOVE - SECOND_MOVE
    view = view_of(height, width, margin, generator).to(pictures)
    size = [len(pictures), 3, height + margin, width + margin]
    grid = F.affine_grid(view.expand(len(pictures), 2, 3), size, align_corners=False)
    return F.grid_sample(pictures - GREY, grid, align_corners=False) + GREY


def view_of(height: int, width: int, margin: int, generator: torch.Generator) -> Tensor:
    """Where each place of a view lies in the picture, both from -1 to 1: an affine map, [2, 3] (column, row, 1)."""

    def pick(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    first = [pick(FIRST_MOVE + 1) - FIRST_MOVE / 2 for _ in range(2)]
    scale, turn = SCALES[pick(len(SCALES))], math.radians(TURNS[pick(len(TURNS))])
    second = [pick(SECOND_MOVE + 1) - SECOND_MOVE / 2 for _ in range(2)]
    cosine, sine = math.cos(turn) / scale, math.sin(turn) / scale
    # in pixels from the middle: picture = first move + turn and scale of (view + second move)
    across = first[0] + cosine * second[0] - sine * second[1]
    down = first[1] + sine * second[0] + cosine * second[1]
    wide, high = width + margin, height + margin
    return torch.tensor(
        [
            [cosine * wide / width, -sine * high / width, 2 * across / width],
            [sine * wide / height, cosine * high / height, 2 * down / height],
        ]
    )
