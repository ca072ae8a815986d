"""Distance from pixels to quadratic Bézier curves that may grow thicker or thinner, differentiable by hand.

A stroke is a union of discs along a curve, their radius r(t) running evenly from end to end. A pixel belongs to the
point with the least power |B(t) - p|² - r(t)², which is negative just where a disc covers the pixel; where the radius
is constant that is the closest point. It is a quartic in t, and its least value is found without a graph: a coarse
search, then Newton's method (on the distance itself it converges badly). Its derivative follows from the implicit
function theorem, so that nothing but the result is kept for the backward pass, and the gradient is exact wherever
that point is unique.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

COARSE, NEWTON = 6, 4  # starting points on the curve, steps from the best of them
_SAMPLES = 64  # discs along a curve where the last one is looked for
_FLAT = 1e-6  # squared pixels: below it a curve has no direction to step along


def points_at(points: Tensor, t: Tensor) -> Tensor:
    """Points of the curves.

    Args:
        points: start, control and end of N curves, [N, 3, 2].
        t: where, 0…1, [N, T] or [T].
    Returns:
        [N, T, 2]
    """
    t = t.expand(len(points), -1) if t.dim() == 1 else t
    basis = torch.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], dim=-1)
    return basis @ points


def nearest(points: Tensor, radii: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The curve point each pixel of a window belongs to: how far it is, and where on the curve.

    Args:
        points: start, control and end of N curves as (row, column) in pixels, [N, 3, 2].
        radii: at both ends in pixels, [N, 2]; zeros for the closest point.
        rows: row of each pixel centre of each curve's window, [N, h].
        columns: column of each, [N, w].
    Returns:
        distance in pixels and t in 0…1, both [N, h, w].
    """
    return _Nearest.apply(points, radii, rows, columns)  # type: ignore[return-value]


class _Nearest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, radii: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        t = nearest_t(points, radii, rows, columns)
        down, across = _offsets(points, rows, columns, t)
        distance = torch.hypot(down, across)
        ctx.save_for_backward(points, radii, rows, columns, t, distance)
        return distance, t

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_distance: Tensor, grad_t: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """d = |B(t) - p|, and t solves B'(t)·(B(t) - p) = r(t)·r'; at an end of the curve t does not move."""
        points, radii, rows, columns, t, distance = ctx.saved_tensors
        bend, rise = _coefficients(points)
        down, across = _offsets(points, rows, columns, t)
        slope_down = 2 * (_of(bend, 0) * t).add_(_of(rise, 0))
        slope_across = 2 * (_of(bend, 1) * t).add_(_of(rise, 1))
        taper = (radii[:, 1] - radii[:, 0])[:, None, None]
        curvature = (slope_down**2).addcmul_(slope_across, slope_across).sub_(taper**2)
        curvature.add_(2 * _of(bend, 0) * down).add_(2 * _of(bend, 1) * across)
        moves = torch.gt(curvature, _FLAT, out=torch.empty_like(t)) * (t * (1 - t)).sign_()
        along = (slope_down * down).addcmul_(slope_across, across)  # what moving t does to d²/2
        pull = grad_distance / distance.clamp_min(1e-9)
        step = torch.addcmul(grad_t, pull, along).div_(curvature.clamp_min_(_FLAT)).mul_(moves)
        # what multiplies each basis function b(t), and its derivative b'(t), and what the radii share in
        shares = t.new_empty(len(t), 5, *t.shape[1:])
        torch.mul(pull, down, out=shares[:, 0]).addcmul_(step, slope_down, value=-1)
        torch.mul(pull, across, out=shares[:, 1]).addcmul_(step, slope_across, value=-1)
        torch.mul(step, down, out=shares[:, 2])
        torch.mul(step, across, out=shares[:, 3])
        shares[:, 4] = step
        sums = _moments(t, shares)
        whole, first = sums[:, 0, 4], sums[:, 1, 4]
        start, slope = radii[:, 0], taper[:, 0, 0]
        to_radii = torch.stack([(slope - start) * whole - 2 * slope * first, start * whole + 2 * slope * first], dim=1)
        return _to_points(sums[..., 0:2], -sums[..., 2:4]), to_radii, None, None


def _moments(t: Tensor, shares: Tensor) -> Tensor:
    """Sums over pixels of shares [N, S, h, w], times 1, t and t²: [N, 3, S]."""
    powers = t.new_empty(len(t), 3, *t.shape[1:])
    powers[:, 0] = 1
    powers[:, 1] = t
    torch.mul(t, t, out=powers[:, 2])
    return powers.flatten(2) @ shares.flatten(2).transpose(1, 2)


def _to_points(value: Tensor, change: Tensor) -> Tensor:
    """Σ b(t)·value + b'(t)·change for the three basis functions, from moments [N, 3, 2]: [N, 3, 2]."""
    one, linear, square = value.unbind(1)
    flat, steep, _ = change.unbind(1)
    start = one - 2 * linear + square - 2 * flat + 2 * steep
    control = 2 * linear - 2 * square + 2 * flat - 4 * steep
    end = square + 2 * steep
    return torch.stack([start, control, end], dim=1)


@torch.no_grad()
def nearest_t(points: Tensor, radii: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """t of the curve point with the least power for each pixel, [N, h, w]; arguments as of `nearest`.

    With B(t) - p = a·t² + 2b·t + q, the power less its value at t = 0 is a quartic in t of which only two coefficients,
    2a·q and 4b·q, depend on the pixel, both affinely.
    """
    start, control, end = points.unbind(1)
    sharp = ((control - start) * (end - control)).sum(1) <= 0  # it turns by a right angle or more
    if not sharp.any():
        return _least_power(points, radii, rows, columns)[0]
    bent = sharp.nonzero()[:, 0]
    first_arms, second_arms, vertex = _two_arms(points[bent], radii[bent])
    curves, widths = (
        torch.cat([whole.index_copy(0, bent, first), second])
        for whole, first, second in zip((points, radii), first_arms, second_arms, strict=True)
    )
    every = torch.cat([torch.arange(len(points), device=bent.device), bent])
    found, power = _least_power(curves, widths, rows[every], columns[every])
    t, second = found[: len(points)], found[len(points) :]
    # each power is less the one at its own start: between them lies that of the second arm's start less the first's
    start, turn = points[bent, 0], second_arms[0][:, 0]
    between = _affine(turn - start, points[bent], rows[bent], columns[bent]).mul_(2)
    between += (((turn - start) ** 2).sum(1) - second_arms[1][:, 0] ** 2 + radii[bent, 0] ** 2)[:, None, None]
    nearer = power[len(points) :] + between < power[bent]
    t[bent] = torch.where(nearer, vertex + (1 - vertex) * second, vertex * t[bent])
    return t


def _two_arms(points: Tensor, radii: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Tensor]:
    """Curves that turn sharply, cut at their vertex: the power has a least value on either side of it.

    Returns:
        points [N, 3, 2] and radii [N, 2] of the first arms, those of the second, and t of each vertex, [N, 1, 1].
    """
    bend, rise = _coefficients(points)
    vertex = (-(rise * bend).sum(1) / (bend**2).sum(1).clamp_min(_FLAT)).clamp(0, 1)[:, None]
    start, control, end = points.unbind(1)
    before, after = torch.lerp(start, control, vertex), torch.lerp(control, end, vertex)
    turn, width = torch.lerp(before, after, vertex), torch.lerp(radii[:, :1], radii[:, 1:], vertex)
    first = torch.stack([start, before, turn], dim=1), torch.cat([radii[:, :1], width], dim=1)
    second = torch.stack([turn, after, end], dim=1), torch.cat([width, radii[:, 1:]], dim=1)
    return first, second, vertex[:, :, None]


def _least_power(points: Tensor, radii: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The t with the least power, and that power less the one at 0; both [N, h, w].

    Written for the processor: a choice by `where` or a clamp between tensors costs as much as ten of these products.
    """
    bend, rise = _coefficients(points)
    taper = radii[:, 1] - radii[:, 0]
    quartic, cubic = (bend**2).sum(1)[:, None, None], 4 * (bend * rise).sum(1)[:, None, None]
    square = _affine(bend, points, rows, columns).mul_(2).add_((4 * (rise**2).sum(1) - taper**2)[:, None, None])
    linear = _affine(rise, points, rows, columns).mul_(4).sub_((2 * radii[:, 0] * taper)[:, None, None])
    t = _best_of_few(quartic, cubic, square, linear)
    twice, thrice = 2 * square, 3 * cubic
    for _ in range(NEWTON):
        inner = (4 * quartic * t).add_(thrice)
        outer = torch.addcmul(twice, inner, t)
        slope = torch.addcmul(linear, outer, t)
        curvature = outer.addcmul_(inner.mul_(2).sub_(thrice), t)
        step = slope.div_(curvature.clamp_min_(_FLAT)).clamp_(-1 / (COARSE - 1), 1 / (COARSE - 1))
        t.sub_(step).clamp_(0, 1)
    power = (quartic * t).add_(cubic).mul_(t).add_(square).mul_(t).add_(linear).mul_(t)
    return t, power


def _best_of_few(quartic: Tensor, cubic: Tensor, square: Tensor, linear: Tensor) -> Tensor:
    """The one with the least power of COARSE values of t, evenly from 0 to 1."""
    t, best = torch.zeros_like(square), torch.zeros_like(square)  # the power less the one at 0
    better = torch.empty_like(square)
    for index in range(1, COARSE):
        k = index / (COARSE - 1)
        there = (square * k).add_(linear).add_((quartic * k + cubic) * k**2).mul_(k)
        torch.lt(there, best, out=better)  # 1 or 0; t rises, so the larger one is the later one
        torch.maximum(t, better.mul_(k), out=t)
        torch.minimum(best, there, out=best)
    return t


@torch.no_grad()
def covering_t(points: Tensor, radii: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Of discs along a curve, their radius running evenly from end to end: the last upon each pixel, and the deepest.

    The paint of Learning to Paint's discs overwrites, so a pixel keeps the opacity of the last disc upon it. The
    deepest is the one whose edge lies farthest outside, or nearest where no disc covers the pixel.

    Args:
        radii: at both ends, pixels, [N, 2].
    Returns:
        t of the last disc (of the deepest, where none covers the pixel) and of the deepest, both [N, h, w].
    """
    last = deepest = depth = before = None
    for index in range(_SAMPLES + 1):
        k = index / _SAMPLES
        at = points_at(points, torch.full((1,), k, dtype=points.dtype, device=points.device))[:, 0]
        radius = (radii[:, 0] + (radii[:, 1] - radii[:, 0]) * k)[:, None, None]
        down, across = (at[:, 0, None] - rows)[:, :, None], (at[:, 1, None] - columns)[:, None, :]
        over = radius - torch.hypot(down, across)
        if depth is None or last is None or deepest is None or before is None:
            last, deepest, depth, before = torch.full_like(over, -1), torch.zeros_like(over), over, over
        deepest = torch.where(over > depth, k, deepest)
        depth = torch.maximum(over, depth)
        crossing = k - over / (over - before).clamp_max(-1e-9) / _SAMPLES  # where the edge passed between two samples
        left = (before >= 0) & (over < 0)
        last = torch.where(over >= 0, k, torch.where(left, crossing, last))
        before = over
    assert last is not None and deepest is not None
    return torch.where(last < 0, deepest, last), deepest


def _coefficients(points: Tensor) -> tuple[Tensor, Tensor]:
    """a and b of B(t) = start + 2b·t + a·t², each [N, 2]."""
    start, control, end = points.unbind(1)
    return start - 2 * control + end, control - start


def _affine(direction: Tensor, points: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """direction·(start - p) for each pixel, [N, h, w]."""
    start = points[:, 0]
    down = direction[:, 0, None] * (start[:, 0, None] - rows)
    across = direction[:, 1, None] * (start[:, 1, None] - columns)
    return down[:, :, None] + across[:, None, :]


def _offsets(points: Tensor, rows: Tensor, columns: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """B(t) - p, row and column, each [N, h, w]."""
    bend, rise = _coefficients(points)
    down = (_of(bend, 0) * t).add_(2 * _of(rise, 0)).mul_(t).add_((points[:, 0, 0, None] - rows)[:, :, None])
    across = (_of(bend, 1) * t).add_(2 * _of(rise, 1)).mul_(t).add_((points[:, 0, 1, None] - columns)[:, None, :])
    return down, across


def _of(vectors: Tensor, axis: int) -> Tensor:
    return vectors[:, axis, None, None]
