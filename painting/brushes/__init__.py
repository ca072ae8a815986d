"""Brushes: what the numbers of a stroke mean, and how much it covers. A new one is a file and a line here."""

from painting.brushes.bezier import BezierBrush
from painting.brushes.brush import Brush
from painting.brushes.tools import DRY, INK, PENCIL
from torch_utils.errors import ConfigError

BRUSHES: dict[str, Brush] = {brush.name: brush for brush in (BezierBrush(), PENCIL, INK, DRY)}


def brush_named(name: str) -> Brush:
    """Look a brush up.

    Raises:
        ConfigError: no brush of that name, listing those there are.
    """
    if name not in BRUSHES:
        raise ConfigError(f"brush '{name}': no such brush. Use one of {', '.join(BRUSHES)}.")
    return BRUSHES[name]
