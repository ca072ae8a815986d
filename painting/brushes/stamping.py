"""The brushes without a gradient, as a painting program has them: dab after dab, each a little off its place.

What the analytic `Tool` is the twin of, and what a painter network would learn from. Stochastic, but the same for a
seed.
"""

import numpy as np
import torch

from painting.brushes.paper import grain
from painting.brushes.tools import DAB, Tool, spacing
from painting.canvas import Canvas
from painting.curves import points_at

_JITTER = 0.12  # of the radius


def stamp(tool: Tool, stroke: np.ndarray, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Draw one stroke.

    Args:
        stroke: numbers in 0…1, [12].
    Returns:
        opacity, float64 [H, W]
    """
    numbers = torch.from_numpy(np.asarray(stroke, np.float32))[None]
    t = torch.linspace(0, 1, 400)
    way = points_at(tool.curves(numbers, canvas), t)[0].double().numpy()
    pressure = tool.pressure(numbers, t[None])[0].double().numpy()
    radius = tool.radius(numbers, canvas).item() * (1 - tool.spread + tool.spread * pressure)
    height = tool.tooth * grain(canvas).double().numpy()
    opacity = np.zeros((canvas.height, canvas.width))
    apart = spacing(torch.from_numpy(radius), canvas).numpy()
    for index in _dabs(way, apart):
        middle = way[index] + rng.normal(0, _JITTER * radius[index], 2)
        _dab(opacity, height, middle, radius[index], tool.touch(pressure[index]), tool)
    return tool.flow * opacity


def _dabs(way: np.ndarray, apart: np.ndarray) -> list[int]:
    """Which of the points along the way get a dab."""
    gone, found = np.inf, []
    steps = np.concatenate([[0], np.hypot(*np.diff(way, axis=0).T)])
    for index, step in enumerate(steps):
        gone += step
        if gone >= apart[index]:
            found.append(index)
            gone = 0.0
    return found


def _dab(opacity: np.ndarray, height: np.ndarray, middle: np.ndarray, radius: float, touch: float, tool: Tool) -> None:
    """Lay one dab on, in place."""
    low = np.maximum(np.floor(middle - radius - 1).astype(int), 0)
    high = np.minimum(np.ceil(middle + radius + 1).astype(int), opacity.shape)
    if (high <= low).any():
        return
    rows, columns = np.ogrid[low[0] : high[0], low[1] : high[1]]
    part = np.s_[low[0] : high[0], low[1] : high[1]]
    distance = np.hypot(rows + 0.5 - middle[0], columns + 0.5 - middle[1])
    disc = np.clip(0.5 + radius - distance, 0, 1) - np.clip(0.5 - radius - distance, 0, 1)
    contact = 1 / (1 + np.exp(-np.clip((touch - height[part]) / tool.softness, -50, 50)))
    opacity[part] += DAB * disc * contact * (1 - opacity[part])
