"""The brushes without a gradient, as a painting program has them: dab after dab, each a little off its place.

What the analytic `Tool` is the twin of, and what a painter network learns from. Stochastic, but the same for a seed.
`stamp` draws a stroke dab by dab; `stamp_many` draws many at once and is thirty to fifty times as fast: layers that let
light through multiply, so their order does not matter and their logarithms can be summed.
"""

import numpy as np
import torch
from torch import Tensor

from painting.brushes.paper import grain
from painting.brushes.tools import DAB, Tool, spacing
from painting.canvas import Canvas
from painting.curves import points_at

JITTER = 0.12  # of the radius
POINTS = 400  # along a stroke, where dabs may lie
_SIDES = (4, 6, 9, 14, 22, 34, 52, 80)  # of the windows that dabs are drawn in, pixels


def stamp(tool: Tool, stroke: np.ndarray, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Draw one stroke.

    Args:
        stroke: numbers in 0…1, [12].
    Returns:
        opacity, float64 [H, W]
    """
    numbers = torch.from_numpy(np.asarray(stroke, np.float32))[None]
    t = torch.linspace(0, 1, POINTS)
    way = points_at(tool.curves(numbers, canvas), t)[0].double().numpy()
    pressure = tool.pressure(numbers, t[None])[0].double().numpy()
    radius = tool.radius(numbers, canvas).item() * (1 - tool.spread + tool.spread * pressure)
    height = tool.tooth * grain(canvas).double().numpy()
    opacity = np.zeros((canvas.height, canvas.width))
    apart = spacing(torch.from_numpy(radius), canvas).numpy()
    for index in _dabs(way, apart):
        middle = way[index] + rng.normal(0, JITTER * radius[index], 2)
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


@torch.no_grad()
def stamp_many(tool: Tool, strokes: Tensor, canvas: Canvas, noise: Tensor) -> Tensor:
    """Draw strokes, each on a canvas of its own; what `stamp` does, in float32.

    Args:
        strokes: numbers in 0…1, [N, 12].
        noise: standard normal, how far off its place each possible dab lies, [N, POINTS, 2].
    Returns:
        opacity, [N, H, W]
    """
    t = torch.linspace(0, 1, POINTS, device=strokes.device)
    way = points_at(tool.curves(strokes, canvas), t)
    pressure = tool.pressure(strokes, t.expand(len(strokes), -1))
    radius = tool.radius(strokes, canvas)[:, None] * (1 - tool.spread + tool.spread * pressure)
    stroke, place = _chosen(way, spacing(radius, canvas)).nonzero().unbind(1)
    radius, touch = radius[stroke, place], tool.touch(pressure[stroke, place])
    middle = way[stroke, place] + JITTER * radius[:, None] * noise[stroke, place]
    height = tool.tooth * grain(canvas).to(strokes.device)
    let_through = torch.zeros(len(strokes) * canvas.height * canvas.width, device=strokes.device)  # its logarithm
    needed = (2 * radius + 2).floor()
    smallest = 0
    for side in (*_SIDES, max(canvas.height, canvas.width) + 2):
        own = ((needed > smallest) & (needed <= side)).nonzero()[:, 0]
        if len(own):
            _add_dabs(let_through, height, stroke[own], middle[own], radius[own], touch[own], side, tool)
        smallest = side
    return tool.flow * (1 - let_through.exp()).reshape(-1, canvas.height, canvas.width)


def _chosen(way: Tensor, apart: Tensor) -> Tensor:
    """`_dabs` for many strokes, as a mask [N, POINTS]."""
    steps = way.diff(dim=1).norm(dim=2).cpu().numpy().T
    least, found = apart.cpu().numpy().T, np.zeros(apart.shape[::-1], bool)
    gone = np.full(len(way), np.inf, np.float32)
    for index in range(len(found)):
        if index:
            gone += steps[index - 1]
        found[index] = gone >= least[index]
        gone[found[index]] = 0
    return torch.from_numpy(found.T.copy()).to(way.device)


def _add_dabs(
    let_through: Tensor,
    height: Tensor,
    stroke: Tensor,
    middle: Tensor,
    radius: Tensor,
    touch: Tensor,
    side: int,
    tool: Tool,
) -> None:
    """Add the logarithm of what each of n dabs lets through, within square windows, in place.

    Args:
        let_through: of all canvases, flat.
        height: of the paper, [H, W].
    """
    first = (middle - radius[:, None] - 1).ceil()
    offsets = torch.arange(side, device=height.device)
    rows, columns = first[:, :1] + offsets, first[:, 1:] + offsets  # [n, side]
    down, across = rows + 0.5 - middle[:, :1], columns + 0.5 - middle[:, 1:]
    distance = (down[:, :, None] ** 2 + across[:, None, :] ** 2).sqrt_()
    inside = ((rows >= 0) & (rows < height.shape[0]))[:, :, None] & ((columns >= 0) & (columns < height.shape[1]))[
        :, None
    ]
    dab, row, column = (inside & (distance < radius[:, None, None] + 0.5)).nonzero().unbind(1)
    distance, radius = distance[dab, row, column], radius[dab]
    disc = (0.5 + radius - distance).clamp_(0, 1) - (0.5 - radius - distance).clamp_(0, 1)
    row, column = rows[dab, row].long(), columns[dab, column].long()
    contact = torch.sigmoid((touch[dab] - height[row, column]) / tool.softness)
    place = (stroke[dab] * height.shape[0] + row) * height.shape[1] + column
    let_through.index_add_(0, place, torch.log1p(-DAB * disc * contact))
