"""Colours as a user writes them."""

import torch
from PIL import ImageColor
from torch import Tensor

from painting.constraints import palette_of
from torch_utils.errors import ConfigError

MOST_COLOURS = 64


def parse_colour(text: str, option: str) -> tuple[float, float, float]:
    """ "#aabbcc", "#abc" or a name of the web's → RGB in 0…1.

    Raises:
        ConfigError: no colour.
    """
    try:
        red, green, blue = ImageColor.getrgb(text.strip())[:3]
    except ValueError as error:
        raise ConfigError(f"{option} {text}: no colour. Use for example white or #e8dcc0.") from error
    return red / 255, green / 255, blue / 255


def check_palette(text: str) -> None:
    """Raise a ConfigError unless a palette is a number of colours or a list of them."""
    palette(text, torch.zeros(3, 1, 1), torch.Generator())


def palette(text: str, reference: Tensor, generator: torch.Generator) -> Tensor:
    """ "6" → the reference's six main colours; "#111,red" → these; [K, 3] in 0…1.

    Args:
        reference: RGB in 0…1, [3, H, W].
    """
    if text.strip().isdecimal() and len(text) < 10:
        count = int(text)
        if not 1 <= count <= MOST_COLOURS:
            raise ConfigError(f"--palette {text}: from 1 to {MOST_COLOURS} colours can be chosen. Use for example 6.")
        return palette_of(reference, count, generator)
    return torch.tensor([parse_colour(colour, "--palette") for colour in text.split(",")])
