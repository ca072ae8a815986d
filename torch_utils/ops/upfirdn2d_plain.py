"""The plain body of upfirdn2d: two products of matrices for small pictures on the CPU, else convolutions."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.layout import layout_of

# Pixels a side up to which the CPU multiplies by matrices; above, convolutions are as fast. Long separable filters
# (the augmentation's 12 taps) gain much longer than the networks' four (docs/decisions/0005).
_MATRICES_UP_TO = {2: 64, 1: 1024}  # by dimensions of the filter

Taps = tuple[float, ...]


def filter_size(f: Tensor) -> tuple[int, int]:
    """(width, height) of a 1D (separable) or 2D filter."""
    return int(f.shape[-1]), int(f.shape[0])


def output_size(x: Tensor, f: Tensor, up, down, padding) -> tuple[int, int]:
    """(height, width) of the result."""
    width, height = filter_size(f)
    out_w = (x.shape[3] * up[0] + padding[0] + padding[1] - width) // down[0] + 1
    out_h = (x.shape[2] * up[1] + padding[2] + padding[3] - height) // down[1] + 1
    return out_h, out_w


def plain(x: Tensor, f: Tensor, up, down, padding, flip: bool, gain: float) -> Tensor:
    """The operator in plain PyTorch."""
    return _filtered(x, f, up, down, padding, flip, gain).contiguous(memory_format=layout_of(x))


def _filtered(x: Tensor, f: Tensor, up, down, padding, flip: bool, gain: float) -> Tensor:
    """By whichever of two ways is faster."""
    if min(output_size(x, f, up, down, padding)) < 1:
        raise RuntimeError(f"upfirdn2d: padding {list(padding)} leaves nothing of {x.shape[3]}x{x.shape[2]} pixels.")
    if _all_cropped(x, up, padding):
        return x.new_zeros(*x.shape[:2], *output_size(x, f, up, down, padding))
    if (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and max(x.shape[2:]) <= _MATRICES_UP_TO[f.ndim]
    ):
        axes = _axes(f)
        if axes is not None:
            return _by_matrices(x, axes, up, down, padding, flip, gain)
    return _by_convolution(x, f, up, down, padding, flip, gain)


def _all_cropped(x: Tensor, up, padding) -> bool:
    """Whether negative padding cuts every sample away, so that only inserted and padded zeros are left."""
    left, right, top, bottom = padding
    axes = ((x.shape[3], up[0], left, right), (x.shape[2], up[1], top, bottom))
    return any((n - 1) * factor + before < 0 or n * factor + after <= 0 for n, factor, before, after in axes)


def _axes(f: Tensor) -> tuple[Taps, Taps] | None:
    """(taps along x, taps along y) where the filter is exactly their product and has more than one tap."""
    if f.numel() == 1:
        return None
    taps = f.tolist()
    return (tuple(taps), tuple(taps)) if f.ndim == 1 else _exact_factors(tuple(map(tuple, taps)))


@lru_cache(maxsize=64)  # a pure function of numbers, as is _matrix: remembering changes nothing but the time
def _exact_factors(taps: tuple[Taps, ...]) -> tuple[Taps, Taps] | None:
    f = np.array(taps)
    if f.sum() == 0:
        return None
    along_x, along_y = f.sum(axis=0) / f.sum(), f.sum(axis=1)
    return (tuple(along_x), tuple(along_y)) if np.array_equal(np.outer(along_y, along_x), f) else None


@lru_cache(maxsize=64)
def _matrix(
    taps: Taps, size: int, up: int, down: int, before: int, after: int, flip: bool, dtype: torch.dtype
) -> Tensor:
    """What each output pixel takes from each input pixel along one axis: [size, output size]."""
    kernel = np.array(taps if flip else taps[::-1])
    outputs = (size * up + before + after - len(taps)) // down + 1
    tap = np.arange(size)[:, None] * up + before - np.arange(outputs) * down
    weights = np.where((tap >= 0) & (tap < len(taps)), kernel.take(tap, mode="clip"), 0)
    return torch.from_numpy(weights).to(dtype)


def _by_matrices(x: Tensor, axes: tuple[Taps, Taps], up, down, padding, flip: bool, gain: float) -> Tensor:
    """Two matrix products, one an axis: for small pictures on the CPU several times faster than convolving."""
    height, width = x.shape[2:]
    along_x = _matrix(axes[0], width, up[0], down[0], padding[0], padding[1], flip, x.dtype)
    along_y = _matrix(axes[1], height, up[1], down[1], padding[2], padding[3], flip, x.dtype)
    return (along_y * gain).t() @ (x @ along_x)


def _by_convolution(x: Tensor, f: Tensor, up, down, padding, flip: bool, gain: float) -> Tensor:
    f = f.to(x.dtype)
    if f.ndim == 1:
        # Gain is spread over the two passes, so that half precision does not overflow between them.
        f = f * gain**0.5
        x = _one_filter(x, f[None, :], [up[0], 1], [down[0], 1], [*padding[:2], 0, 0], flip)
        return _one_filter(x, f[:, None], [1, up[1]], [1, down[1]], [0, 0, *padding[2:]], flip)
    return _one_filter(x, f * gain, up, down, padding, flip)


def _one_filter(x: Tensor, f: Tensor, up, down, padding, flip: bool) -> Tensor:
    """Filter with one 2D kernel, by the cheapest convolution that does it."""
    if up != [1, 1] and down == [1, 1]:
        return _by_transposed_convolution(x, f.flip([0, 1]) if flip else f, up, padding)
    if up != [1, 1]:
        x = _insert_zeros(x, up)
    left, right, top, bottom = padding
    inner = [max(0, min(left, right)), max(0, min(top, bottom))]  # what the convolution itself can pad
    outer = [left - inner[0], right - inner[0], top - inner[1], bottom - inner[1]]
    if any(outer):
        x = F.pad(x, outer)
    channels = x.shape[1]
    kernel = (f if flip else f.flip([0, 1])).expand(channels, 1, *f.shape)
    return F.conv2d(x, kernel, stride=(down[1], down[0]), padding=(inner[1], inner[0]), groups=channels)


def _by_transposed_convolution(x: Tensor, f: Tensor, up, padding) -> Tensor:
    """Upsampling without the inserted zeros: the transposed convolution gives the full result, padding crops it."""
    (taps_y, taps_x), channels = f.shape, x.shape[1]
    height = x.shape[2] * up[1] + padding[2] + padding[3] - taps_y + 1
    width = x.shape[3] * up[0] + padding[0] + padding[1] - taps_x + 1
    crop_left, crop_top = taps_x - 1 - padding[0], taps_y - 1 - padding[2]
    inner_x, inner_y = max(0, crop_left), max(0, crop_top)
    kernel = f.expand(channels, 1, *f.shape)
    full = F.conv_transpose2d(x, kernel, stride=(up[1], up[0]), padding=0, groups=channels)
    full = full[:, :, inner_y:, inner_x:]
    left, top = max(0, -crop_left), max(0, -crop_top)
    sides = [left, width - left - full.shape[3], top, height - top - full.shape[2]]
    return F.pad(full, sides) if any(sides) else full


def _insert_zeros(x: Tensor, up) -> Tensor:
    spread = x.new_zeros(x.shape[0], x.shape[1], x.shape[2] * up[1], x.shape[3] * up[0])
    spread[:, :, :: up[1], :: up[0]] = x
    return spread
