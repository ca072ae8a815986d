"""Learning to Paint's own renderer, without gradient: a hundred discs of whole pixels, each overwriting the last.

What `BezierBrush` is measured against and a painter network learns from. `stroke_opacities` draws many strokes at
once. Source: Huang et al. 2019, section 3.3; constants as published with it.
"""

import numpy as np
import torch
from torch import Tensor

DISCS = 100


def stroke_opacity(stroke: np.ndarray, side: int) -> np.ndarray:
    """One stroke's opacity by discs on a canvas of twice the size, averaged two by two.

    Args:
        stroke: the first ten numbers of a Bézier stroke.
    Returns:
        float64 [side, side]
    """
    x0, y0, x1, y1, x2, y2, r0, r2, w0, w2 = (float(number) for number in stroke[:10])
    large = 2 * side
    x1, y1 = x0 + (x2 - x0) * x1, y0 + (y2 - y0) * y1
    rows, columns = np.ogrid[:large, :large]
    opacity = np.zeros((large, large))
    for index in range(DISCS):
        t = index / DISCS
        row, column = (
            round(((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t * t * c) * (large - 1))
            for a, b, c in ((x0, x1, x2), (y0, y1, y2))
        )
        radius = int((1 - t) * (1 + r0 * side // 2) + t * (1 + r2 * side // 2))
        opacity[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = (1 - t) * w0 + t * w2
    return opacity.reshape(side, 2, side, 2).mean((1, 3))


@torch.no_grad()
def stroke_opacities(strokes: Tensor, side: int) -> Tensor:
    """What `stroke_opacity` draws, of many strokes, to the bit.

    Args:
        strokes: [N, at least 10].
    Returns:
        float64 [N, side, side]
    """
    large = 2 * side
    x0, y0, x1, y1, x2, y2, r0, r2, w0, w2 = strokes[:, :10].double().unbind(1)
    x1, y1 = x0 + (x2 - x0) * x1, y0 + (y2 - y0) * y1
    t = torch.tensor([index / DISCS for index in range(DISCS)], dtype=torch.float64, device=strokes.device)[:, None]
    row, column = (
        (((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t * t * c) * (large - 1)).round()
        for a, b, c in ((x0, x1, x2), (y0, y1, y2))
    )
    radius = ((1 - t) * (1 + (r0 * side / 2).floor()) + t * (1 + (r2 * side / 2).floor())).floor()
    draw = _last_by_windows if strokes.device.type == "cpu" else _last
    opacity = torch.cat([torch.zeros_like(w0)[None], (1 - t) * w0 + t * w2]).T  # column 0: no disc
    which = draw(row.T.long(), column.T.long(), radius.T.long(), large)
    return opacity.gather(1, which.flatten(1).long()).reshape(-1, side, 2, side, 2).mean((2, 4))


def _last(row: Tensor, column: Tensor, radius: Tensor, large: int) -> Tensor:
    """1 + the number of the last disc upon each pixel, 0 for none, uint8 [N, large, large]; all strokes at once.

    Args:
        row, column, radius: of each disc, [N, DISCS].
    """
    pixels = torch.arange(large, device=row.device)
    room = radius[..., None] ** 2 - (pixels - row[..., None]) ** 2  # [N, DISCS, large]
    offset = (pixels - column[..., None]) ** 2
    last = torch.zeros(len(row), large, large, dtype=torch.uint8, device=row.device)
    for index in range(DISCS):
        last.masked_fill_(offset[:, index, None, :] <= room[:, index, :, None], index + 1)
    return last


def _last_by_windows(row: Tensor, column: Tensor, radius: Tensor, large: int) -> Tensor:
    """As `_last`, disc by disc within the square around each: four to six times as fast on a CPU."""
    last = np.zeros((len(row), large, large), np.uint8)
    reach = int(radius.max()) if len(row) else 0
    squares = np.arange(-reach, reach + 1, dtype=np.int32) ** 2
    discs = torch.stack([row, column, radius], dim=2).tolist()
    for canvas, own in zip(last, discs, strict=True):
        for number, (y, x, r) in enumerate(own, 1):
            top, left = max(0, y - r), max(0, x - r)
            part = canvas[top : y + r + 1, left : x + r + 1]
            down = squares[reach + top - y : reach + top - y + part.shape[0]]
            across = squares[reach + left - x : reach + left - x + part.shape[1]]
            covered = across <= (r * r - down)[:, None]
            np.maximum(part, covered.view(np.uint8) * np.uint8(number), out=part)
    return torch.from_numpy(last)
