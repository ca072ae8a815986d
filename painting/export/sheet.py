"""The sequence sheet of the KaoKore paper's figures: the reference on the left, small canvases beside it."""

import numpy as np
from PIL import Image

from painting.export.frames import pictures
from painting.strokes import StrokeSet

COLUMNS, ROWS, GAP = 5, 2, 8
CELL = 192  # shorter side of a small canvas, in pixels
_SHARES = (0.02, 0.05, 0.1, 0.15, 0.22, 0.3, 0.4, 0.55, 0.75, 1.0)  # of the strokes


def sheet(painting: StrokeSet, reference: np.ndarray | None) -> np.ndarray:
    """Lay a painting's course out.

    Args:
        reference: uint8 [H, W, 3] of any size; left out if None.
    Returns:
        uint8 [H', W', 3]
    """
    cell = painting.header.canvas.scaled(CELL)
    shown = pictures(painting, counts(len(painting.strokes)), cell)
    width, height = COLUMNS * (cell.width + GAP) - GAP, ROWS * (cell.height + GAP) - GAP
    large = round(cell.width / cell.height * height)  # the reference's width
    left = 0 if reference is None else large + GAP
    page = Image.new("RGB", (left + width, height), "white")
    if reference is not None:
        page.paste(Image.fromarray(reference).resize((large, height), Image.Resampling.LANCZOS), (0, 0))
    for index, picture in enumerate(shown):
        row, column = divmod(index, COLUMNS)
        page.paste(Image.fromarray(picture), (left + column * (cell.width + GAP), row * (cell.height + GAP)))
    return np.asarray(page)


def counts(strokes: int) -> list[int]:
    """Numbers of strokes of the small canvases, never falling."""
    return [max(min(index + 1, strokes), round(share * strokes)) for index, share in enumerate(_SHARES)]
