"""What a painter is held to: opaque strokes, shades of one colour, a palette."""

from dataclasses import dataclass

import torch
from torch import Tensor

from painting.brushes.brush import Brush

_FULL = ("w0", "w2", "pressure", "entry_pressure")  # the columns that say how much a stroke covers


@dataclass(frozen=True)
class Constraints:
    """Rules for strokes.

    Attributes:
        opaque: every stroke covers as much as it can.
        mono: every stroke is grey.
        palette: RGB that strokes may have, [K, 3] in 0…1, or None for any.
    """

    opaque: bool = False
    mono: bool = False
    palette: Tensor | None = None

    def apply(self, brush: Brush, strokes: Tensor) -> Tensor:
        """Strokes that keep the rules; a colour of the palette passes its gradient to the one it stands for."""
        columns = list(strokes.unbind(1))
        if self.opaque:
            for name in _FULL:
                if name in brush.columns:
                    columns[brush.columns.index(name)] = torch.ones_like(columns[0])
        first = brush.columns.index("red")
        columns[first : first + 3] = self._coloured(brush.colours(strokes)).unbind(1)
        return torch.stack(columns, dim=1)

    def _coloured(self, colours: Tensor) -> Tensor:
        if self.mono:
            colours = colours.mean(1, keepdim=True).expand(-1, 3)
        if self.palette is not None:
            nearest = self.palette[torch.cdist(colours.detach(), self.palette).argmin(1)]
            colours = nearest + (colours - colours.detach())
        return colours


def palette_of(reference: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The reference's main colours by k-means, [count, 3].

    Args:
        reference: RGB in 0…1, [3, H, W].
    """
    pixels = reference.flatten(1).T
    pixels = pixels[torch.randperm(len(pixels), generator=generator)[:4096]]
    centres = pixels[:1]
    while len(centres) < count:  # each next one where the colours so far fit worst
        distance = torch.cdist(pixels, centres).amin(1)
        centres = torch.cat([centres, pixels[distance.argmax()][None]])
    for _ in range(12):
        nearest = torch.cdist(pixels, centres).argmin(1)
        members = [pixels[nearest == index] for index in range(count)]
        centres = torch.stack([own.mean(0) if len(own) else old for own, old in zip(members, centres, strict=True)])
    return centres
