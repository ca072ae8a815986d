"""Strokes as an SVG: each the outline of its discs, filled with its colour and an opacity that runs along it.

A stroke is a union of discs along a curve. Cut into straight pieces it is a union of tapered capsules (two discs and
their common tangents), drawn here as one path of equally oriented loops, so that any viewer fills their union and
nothing twice. Texture (paper, bristles) has no place in it: such strokes get the opacity they have on average.
"""

import math
from itertools import pairwise
from xml.sax.saxutils import quoteattr

import torch
from torch import Tensor

from painting.brushes import brush_named
from painting.brushes.bezier import BezierBrush
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from painting.curves import points_at
from painting.strokes import StrokeSet
from torch_utils.text import printable

_FINE = 0.05  # of a 128-pixel canvas's pixel: how far a piece's middle may lie off the curve
_MOST_PIECES = 24

Disc = tuple[float, float, float]  # x, y, radius


def svg(painting: StrokeSet) -> str:
    """The whole painting; its size is that of its canvas, and it scales."""
    canvas, strokes = painting.header.canvas, painting.strokes
    points, radii, opacities = _shapes(painting, canvas)
    colours = brush_named(painting.header.brush).colours(strokes)
    body = []
    for index in range(len(strokes)):
        pieces = _pieces(points[index], canvas)
        t = torch.linspace(0, 1, pieces + 1)
        at = points_at(points[index][None], t)[0].tolist()
        thick = (radii[index, 0] + (radii[index, 1] - radii[index, 0]) * t).tolist()
        discs = [(x, y, r) for (y, x), r in zip(at, thick, strict=True)]
        outline = "".join(_capsule(first, second) for first, second in pairwise(discs))
        fill, paint = _fill(index, points[index], opacities[index], _rgb(colours[index]))
        body.append(f'{fill}<path d="{outline}" {paint}/>')
    title = quoteattr(printable(", ".join(f"{name}: {value}" for name, value in painting.header.about.items())))
    size = f'width="{canvas.width}" height="{canvas.height}" viewBox="0 0 {canvas.width} {canvas.height}"'
    background = _rgb(torch.tensor(painting.header.background))
    lines = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} aria-label={title}>\n'
        f'<rect width="100%" height="100%" fill="{background}"/>\n{lines}\n</svg>\n'
    )


def _shapes(painting: StrokeSet, canvas: Canvas) -> tuple[Tensor, Tensor, Tensor]:
    """Curves [N, 3, 2], radii [N, 2] and opacities [N, 2] at both ends."""
    brush, strokes, cap = brush_named(painting.header.brush), painting.strokes, painting.header.cap
    points = brush.curves(strokes, canvas)
    if isinstance(brush, BezierBrush):
        return points, brush.radii(strokes, canvas), cap * strokes[:, 8:10]
    assert isinstance(brush, Tool)
    ends = torch.tensor([[0.0, 1.0]]).expand(len(strokes), 2)
    pressure = brush.pressure(strokes, ends)
    radii = brush.radius(strokes, canvas)[:, None] * (1 - brush.spread + brush.spread * pressure)
    return points, radii, cap * brush.mean_opacity(pressure)


def _pieces(points: Tensor, canvas: Canvas) -> int:
    """In how many straight pieces a curve looks like itself: a piece of length 1/n lies |bend|/(4n²) off at most."""
    start, control, end = points
    bend = (start - 2 * control + end).norm().item() * 128 / canvas.unit
    return max(1, min(_MOST_PIECES, math.ceil(math.sqrt(bend / (4 * _FINE)))))


def _capsule(first: Disc, second: Disc) -> str:
    """The convex hull of two discs as a closed path, clockwise on the screen."""
    (x, y, radius), (x2, y2, radius2) = first, second
    dx, dy = x2 - x, y2 - y
    length = math.hypot(dx, dy)
    if length <= abs(radius - radius2) + 1e-6:  # one disc lies within the other
        if radius2 > radius:
            x, y, radius = second
        r = _short(radius)
        width = _short(2 * radius)
        return f"M{_short(x - radius)} {_short(y)}a{r} {r} 0 1 1 {width} 0a{r} {r} 0 1 1 -{width} 0z"
    direction, lean = math.atan2(dy, dx), math.acos((radius - radius2) / length)
    ends = ((first, -lean), (second, -lean), (second, lean), (first, lean))
    a, b, c, d = (_on_circle(disc, direction + angle) for disc, angle in ends)
    r, r2 = _short(radius), _short(radius2)
    far, near = int(2 * lean > math.pi), int(2 * (math.pi - lean) > math.pi)
    return f"M{a}L{b}A{r2} {r2} 0 {far} 1 {c}L{d}A{r} {r} 0 {near} 1 {a}z"


def _on_circle(disc: Disc, angle: float) -> str:
    x, y, radius = disc
    return f"{_short(x + radius * math.cos(angle))} {_short(y + radius * math.sin(angle))}"


def _fill(index: int, points: Tensor, opacity: Tensor, colour: str) -> tuple[str, str]:
    """A gradient's definition if one is needed, and the path's attributes."""
    first, last = opacity.tolist()
    if abs(first - last) < 0.004 or (points[2] - points[0]).norm() < 1e-3:
        mean = (first + last) / 2
        return "", f'fill="{colour}"' + ("" if mean >= 1 else f' fill-opacity="{_short(mean)}"')
    (y1, x1), (y2, x2) = points[0].tolist(), points[2].tolist()
    ends = f'x1="{_short(x1)}" y1="{_short(y1)}" x2="{_short(x2)}" y2="{_short(y2)}"'
    stops = "".join(
        f'<stop offset="{offset}" stop-color="{colour}" stop-opacity="{_short(value)}"/>'
        for offset, value in ((0, first), (1, last))
    )
    gradient = f'<linearGradient id="s{index}" gradientUnits="userSpaceOnUse" {ends}>{stops}</linearGradient>'
    return gradient, f'fill="url(#s{index})"'


def _rgb(colour: Tensor) -> str:
    return "#" + "".join(f"{round(255 * value):02x}" for value in colour.tolist())


def _short(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".").replace("-0.", "-.") if number else "0"
