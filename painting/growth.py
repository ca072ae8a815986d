"""Where the next strokes begin: where the canvas is most wrong, along the reference's edges, in its colours."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from painting.canvas import Canvas


@dataclass(frozen=True)
class Seeds:
    """Strokes to begin with.

    Attributes:
        points: curves as fractions of the sides, [n, 3, 2].
        size: half thickness, as a fraction of the shorter side, [n].
        colours: RGB, [n, 3].
    """

    points: Tensor
    size: Tensor
    colours: Tensor


def new_strokes(
    reference: Tensor, picture: Tensor, count: int, *, size: float, length: float, generator: torch.Generator
) -> Seeds:
    """Choose `count` new strokes.

    Args:
        reference, picture: RGB in 0…1, [3, H, W].
        size: half thickness, as a fraction of the shorter side.
        length: of a stroke, in thicknesses.
    """
    canvas = Canvas(*reference.shape[1:])
    pixels = size * canvas.unit
    error = _blurred((reference - picture).pow(2).sum(0, keepdim=True), max(0.5, pixels / 2))[0]
    places = _sample(error, count, pixels, generator)
    rows, columns = places // canvas.width, places % canvas.width
    colours = _blurred(reference, max(0.5, pixels / 2))[:, rows, columns].T
    angle = _along_edges(reference, max(1.0, pixels))[rows, columns]
    angle = angle + 0.4 * torch.randn(count, generator=generator)
    sides = torch.tensor([canvas.height, canvas.width])
    middle = (torch.stack([rows, columns], dim=1) + 0.5) / sides
    half = pixels * length * (0.5 + torch.rand(count, 1, generator=generator)) / sides
    direction = torch.stack([angle.sin(), angle.cos()], dim=1) * half
    sway = torch.stack([angle.cos(), -angle.sin()], dim=1) * half * 0.4 * torch.randn(count, 1, generator=generator)
    points = torch.stack([middle - direction, middle + sway, middle + direction], dim=1)
    return Seeds(points.clamp(0, 1), torch.full((count,), size), colours)


def _sample(error: Tensor, count: int, radius: float, generator: torch.Generator) -> Tensor:
    """Places drawn by error, one by one; what lies under a place then counts little."""
    height, width = error.shape
    left = error.clone() + 1e-8
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    chosen = []
    for _ in range(count):
        place = int(torch.multinomial(left.flatten(), 1, generator=generator))
        chosen.append(place)
        near = (rows - place // width) ** 2 + (columns - place % width) ** 2
        left *= 1 - 0.8 * torch.exp(-near / (2 * max(1.0, radius) ** 2))
    return torch.tensor(chosen)


def _along_edges(reference: Tensor, scale: float) -> Tensor:
    """Direction along which the reference changes least, as an angle from the horizontal, [H, W]."""
    grey = reference.mean(0, keepdim=True)
    down = F.pad(grey, (0, 0, 1, 1), mode="replicate").diff(dim=1)
    across = F.pad(grey, (1, 1, 0, 0), mode="replicate").diff(dim=2)
    down, across = down[:, 1:] + down[:, :-1], across[:, :, 1:] + across[:, :, :-1]
    tensor = _blurred(torch.cat([down * down, across * across, down * across]), scale)
    steepest = 0.5 * torch.atan2(2 * tensor[2], tensor[1] - tensor[0])
    return steepest + torch.pi / 2


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [C, H, W], edges repeated."""
    reach = max(1, min(round(2.5 * sigma), min(picture.shape[1:]) - 1))
    weights = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights = weights / weights.sum()
    padded = F.pad(picture[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.reshape(1, 1, -1, 1)), weights.reshape(1, 1, 1, -1))[:, 0]
