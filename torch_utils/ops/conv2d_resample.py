"""Convolution with filtered up- or downsampling, each in the order that costs least."""

import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.upfirdn2d import add_sides, downsampling_padding, four_sides, upfirdn2d, upsampling_padding


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    *,
    up: int = 1,
    down: int = 1,
    padding: int | list[int] = 0,
    groups: int = 1,
    correlate: bool = True,
) -> Tensor:
    """Equals upfirdn2d(up) → conv2d(w) → upfirdn2d(down), computed without the filtered intermediate where possible.

    Args:
        x: [N, in, H, W].
        w: [out, in / groups, kh, kw].
        f: filter of `setup_filter` for the resampling; None for none.
        padding: of the convolution, in pixels of the upsampled picture.
        correlate: True is torch's convolution, False turns the kernel by 180 degrees.
    Source: Karras et al. 2020 (StyleGAN2), section 2; conventions in golden/INDEX.md.
    """
    sides = four_sides(padding)
    if f is not None and up > 1:
        sides = add_sides(sides, upsampling_padding(f, up))
    if f is not None and down > 1:
        sides = add_sides(sides, downsampling_padding(f, down))
    one_pixel = w.shape[2] == w.shape[3] == 1
    if up > 1 and down == 1:
        if one_pixel:  # commutes with the upsampling, and costs a quarter before it
            return upfirdn2d(F.conv2d(x, w, groups=groups), f, up=up, padding=sides, gain=up**2)
        return _up(x, w, f, up, sides, groups, correlate)
    kernel = w if correlate else w.flip([2, 3])
    if up == 1 and down > 1:
        if one_pixel:
            return F.conv2d(upfirdn2d(x, f, down=down, padding=sides), kernel, groups=groups)
        return F.conv2d(upfirdn2d(x, f, padding=sides), kernel, stride=down, groups=groups)
    if up == down == 1 and sides[0] == sides[1] >= 0 and sides[2] == sides[3] >= 0:
        return F.conv2d(x, kernel, padding=(sides[2], sides[0]), groups=groups)
    x = upfirdn2d(x, f if up > 1 else None, up=up, padding=sides, gain=up**2)
    x = F.conv2d(x, kernel, groups=groups)
    return upfirdn2d(x, f, down=down) if down > 1 else x


def _up(x: Tensor, w: Tensor, f: Tensor | None, up: int, sides: list[int], groups: int, correlate: bool) -> Tensor:
    """Transposed convolution, then the filter: both are linear, so their order is free."""
    out_channels, in_per_group, height, width = w.shape
    kernel = w.flip([2, 3]) if correlate else w
    if groups == 1:
        kernel = kernel.transpose(0, 1)
    else:
        kernel = kernel.reshape(groups, out_channels // groups, in_per_group, height, width).transpose(1, 2)
        kernel = kernel.reshape(groups * in_per_group, out_channels // groups, height, width)
    x = F.conv_transpose2d(x, kernel, stride=up, groups=groups)
    left, right, top, bottom = sides
    rest = [left - width + 1, right - width + up, top - height + 1, bottom - height + up]
    return upfirdn2d(x, f, padding=rest, gain=up**2)
