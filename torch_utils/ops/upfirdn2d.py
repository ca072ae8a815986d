"""Upsample, pad, FIR-filter and downsample pictures in one operator; its derivative is the same operator.

The plain body, which is the specification, stands in upfirdn2d_plain.py; csrc/upfirdn2d.cpp and .cu are faster ones.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from torch_utils.ops.differentiable import differentiable
from torch_utils.ops.layout import layout_of
from torch_utils.ops.upfirdn2d_plain import filter_size, output_size, plain

_SEPARABLE_FROM = 8  # taps: shorter 1D filters are expanded to 2D, which one small convolution does faster


def setup_filter(
    taps: Sequence[float] | np.ndarray | Tensor | float | None,
    *,
    normalize: bool = True,
    flip: bool = False,
    gain: float = 1.0,
    separable: bool | None = None,
) -> Tensor:
    """Make a filter for `upfirdn2d`.

    Args:
        taps: 1D or 2D taps, one number, or None for the identity.
        normalize: divide by the sum, so that flat areas keep their value.
        flip: reverse every axis.
        gain: factor for the filter as a whole (each axis of a separable one gets its square root).
        separable: keep 1D taps 1D, to be applied along both axes; default: from 8 taps on.
    Returns:
        float32, [taps] if separable, else [height, width].
    """
    f = torch.as_tensor(1.0 if taps is None else taps, dtype=torch.float32)
    if f.ndim == 0:
        f = f[None]
    if separable is None:
        separable = f.ndim == 1 and f.numel() >= _SEPARABLE_FROM
    if f.ndim == 1 and not separable:
        f = torch.outer(f, f)
    if normalize:
        f = f / f.sum()
    if flip:
        f = f.flip(list(range(f.ndim)))
    return f * gain ** (f.ndim / 2)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    *,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Insert zeros, pad or crop, convolve, and keep every `down`-th pixel.

    Args:
        x: [N, C, H, W].
        f: filter of `setup_filter`, None for the identity; not differentiated.
        up, down: factor, or (x, y).
        padding: pixels of the upsampled picture: one number, (x, y) or (left, right, top, bottom); negative crops.
        flip: False convolves, True correlates.
        gain: factor for the result.
    Returns:
        [N, C, (H·up + top + bottom - taps) // down + 1, …], channels last where x is, else contiguous.
    Source: Karras et al. 2019 and 2020; conventions in golden/INDEX.md.
    """
    f = torch.ones(1, 1, device=x.device) if f is None else f
    return _upfirdn2d(x, f, pair(up), pair(down), four_sides(padding), flip, float(gain))


def upsample2d(
    x: Tensor,
    f: Tensor,
    *,
    up: int | Sequence[int] = 2,
    padding: int | Sequence[int] = 0,
    flip: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Enlarge `up` times; the filter is centred and the picture keeps its brightness."""
    up_x, up_y = pair(up)
    padding = add_sides(padding, upsampling_padding(f, up))
    return upfirdn2d(x, f, up=up, padding=padding, flip=flip, gain=gain * up_x * up_y)


def downsample2d(
    x: Tensor,
    f: Tensor,
    *,
    down: int | Sequence[int] = 2,
    padding: int | Sequence[int] = 0,
    flip: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Shrink `down` times; the filter is centred."""
    return upfirdn2d(x, f, down=down, padding=add_sides(padding, downsampling_padding(f, down)), flip=flip, gain=gain)


def filter2d(
    x: Tensor, f: Tensor, *, padding: int | Sequence[int] = 0, flip: bool = False, gain: float = 1.0
) -> Tensor:
    """Filter at the same size."""
    width, height = filter_size(f)
    centred = [width // 2, (width - 1) // 2, height // 2, (height - 1) // 2]
    return upfirdn2d(x, f, padding=add_sides(padding, centred), flip=flip, gain=gain)


def four_sides(padding: int | Sequence[int]) -> list[int]:
    """One number, (x, y) or all four → [left, right, top, bottom]."""
    if isinstance(padding, int):
        return [padding] * 4
    sides = [int(side) for side in padding]
    return [sides[0], sides[0], sides[1], sides[1]] if len(sides) == 2 else sides


def add_sides(one: int | Sequence[int], other: int | Sequence[int]) -> list[int]:
    """Add two paddings side by side."""
    return [a + b for a, b in zip(four_sides(one), four_sides(other), strict=True)]


def upsampling_padding(f: Tensor, up: int | Sequence[int]) -> list[int]:
    """Padding that centres a filter when upsampling."""
    (up_x, up_y), (width, height) = pair(up), filter_size(f)
    return [(width + up_x - 1) // 2, (width - up_x) // 2, (height + up_y - 1) // 2, (height - up_y) // 2]


def downsampling_padding(f: Tensor, down: int | Sequence[int]) -> list[int]:
    """Padding that centres a filter when downsampling."""
    (down_x, down_y), (width, height) = pair(down), filter_size(f)
    return [(width - down_x + 1) // 2, (width - down_x) // 2, (height - down_y + 1) // 2, (height - down_y) // 2]


def pair(factor: int | Sequence[int]) -> list[int]:
    """One factor for both axes, or (x, y) → [x, y]."""
    return [factor, factor] if isinstance(factor, int) else [int(part) for part in factor]


torch.library.define(
    "kaokore::upfirdn2d",
    "(Tensor x, Tensor f, int[] up, int[] down, int[] padding, bool flip, float gain) -> Tensor",
)


torch.library.impl("kaokore::upfirdn2d", "CompositeExplicitAutograd", plain)


@torch.library.register_fake("kaokore::upfirdn2d")
def _fake(x, f, up, down, padding, flip, gain):
    size = *x.shape[:2], *output_size(x, f, up, down, padding)
    return torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout_of(x))


def _save(ctx, inputs, output):
    x, f, ctx.up, ctx.down, ctx.padding, ctx.flip, ctx.gain = inputs
    ctx.save_for_backward(f)
    ctx.in_size, ctx.out_size = x.shape[2:], output.shape[2:]


def _backward(ctx, dy):
    (f,) = ctx.saved_tensors
    taps = filter_size(f)
    sides = []
    for axis in (0, 1):  # x, then y
        before = taps[axis] - ctx.padding[2 * axis] - 1
        size_in, size_out = ctx.in_size[1 - axis], ctx.out_size[1 - axis]
        after = size_in * ctx.up[axis] - size_out * ctx.down[axis] + ctx.padding[2 * axis] - ctx.up[axis] + 1
        sides += [before, after]
    dx = _upfirdn2d(dy, f, ctx.down, ctx.up, sides, not ctx.flip, ctx.gain)
    return dx, None, None, None, None, None, None


_upfirdn2d = differentiable("upfirdn2d", save=_save, backward=_backward)
