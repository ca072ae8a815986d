"""Learning to Paint's own renderer, without gradient: a hundred discs of whole pixels, each overwriting the last.

What `BezierBrush` is measured against. Source: Huang et al. 2019, section 3.3; constants as published with it.
"""

import numpy as np

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
