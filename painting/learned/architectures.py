"""The painters there are: what `--arch` chooses from. A new one is a file and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from painting.brushes.brush import Brush
from painting.learned import fcn, gan, geometry, vae
from painting.learned.brush import GeometryBrush, LearnedBrush, PictureBrush, shape_columns
from torch_utils.errors import ConfigError

_LARGEST = 512


@dataclass(frozen=True)
class Architecture:
    """A kind of painter.

    Attributes:
        network: made from the number of a stroke's inputs and the picture's side in pixels.
        multiple: what the side must be a multiple of.
        only: the one side there is, or None.
    """

    name: str
    network: Callable[[int, int], nn.Module]
    brush: type[LearnedBrush]
    multiple: int
    only: int | None = None

    def build(self, brush: Brush, size: int) -> LearnedBrush:
        """A fresh painter of a brush's strokes."""
        return self.brush(brush, self.network(len(shape_columns(brush)), size))

    def check_size(self, size: int) -> None:
        """Raise a ConfigError for a size the network cannot have."""
        if self.only not in (None, size):
            raise ConfigError(f"--size {size}: the layers of {self.name} fit {self.only} pixels alone. Use that.")
        if size % self.multiple or not 16 <= size <= _LARGEST:
            raise ConfigError(
                f"--size {size}: {self.name} takes multiples of {self.multiple} from 16 to {_LARGEST}. Use 64."
            )


ARCHITECTURES = {
    kind.name: kind
    for kind in (
        Architecture("fcn", fcn.Renderer, PictureBrush, multiple=8),
        Architecture("gan", gan.Generator, PictureBrush, multiple=16),
        Architecture("vae", vae.Painter, PictureBrush, multiple=1, only=vae.SIZE),
        Architecture("geo", lambda inputs, size: geometry.Network(), GeometryBrush, multiple=1),
    )
}
