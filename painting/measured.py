"""What is measured of a painting: how close it is at its end, and in its course."""

from typing import Any

from torch import Tensor

from painting.canvas import Canvas
from painting.quality import compare
from painting.strokes import StrokeSet

PARTS = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the strokes, whose canvases are measured


def part_counts(strokes: int) -> list[int]:
    """How many strokes each of PARTS comes to."""
    return [max(1, round(part * strokes)) for part in PARTS]


def metrics(painting: StrokeSet, reference: Tensor, canvas: Canvas | None = None) -> dict[str, Any]:
    """Strokes, MSE, PSNR and SSIM of a painting, and MSE in its course.

    Args:
        reference: RGB in 0…1, of the size of the canvas, [3, H, W].
        canvas: to draw the painting on; by default its own.
    """
    total = len(painting.strokes)
    counts = sorted(set(part_counts(total)))
    canvases = list(painting.canvases(counts, canvas))
    course = {
        str(count): round(compare(picture, reference)["mse"], 6)
        for count, picture in zip(counts, canvases, strict=True)
    }
    found = {name: round(value, 6) for name, value in compare(canvases[-1], reference).items()}
    return {"strokes": total, **found, "mse_after_strokes": course}
