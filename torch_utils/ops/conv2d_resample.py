"""Convolution with filtered up- or downsampling, each in the order that costs least."""

import torch
from torch import Tensor

from torch_utils.ops.convolution import conv2d, conv_transpose2d
from torch_utils.ops.layout import preferred_layout
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
    flip_filter: bool = False,
) -> Tensor:
    """Equals upfirdn2d(up) → conv2d(w) → upfirdn2d(down), computed without the filtered intermediate where possible.

    Args:
        x: [N, in, H, W].
        w: [out, in / groups, kh, kw].
        f: filter of `setup_filter` for the resampling; None for none.
        padding: of the convolution, in pixels of the upsampled picture.
        correlate: True is torch's convolution, False turns the kernel by 180 degrees.
        flip_filter: turn f by 180 degrees; of no effect on symmetric filters.
    Source: Karras et al. 2020 (StyleGAN2), section 2; conventions in golden/INDEX.md.
    """
    sides = four_sides(padding)
    layout = preferred_layout(x, w)
    x = x.contiguous(memory_format=layout)
    f = torch.ones(1, 1, device=x.device) if f is None else f  # a single tap is centred by the same rule
    if up > 1:
        sides = add_sides(sides, upsampling_padding(f, up))
    if down > 1:
        sides = add_sides(sides, downsampling_padding(f, down))
    one_pixel = w.shape[2] == w.shape[3] == 1
    if up > 1 and down == 1:
        if one_pixel:  # commutes with the upsampling, and costs a quarter before it
            return upfirdn2d(conv2d(x, w, groups=groups), f, up=up, padding=sides, flip=flip_filter, gain=up**2)
        x, rest = _spread(x, w, up, sides, groups, correlate)
        return upfirdn2d(x, f, padding=rest, flip=flip_filter, gain=up**2)
    kernel = (w if correlate else w.flip([2, 3])).contiguous(memory_format=layout)
    if up == 1 and down > 1:
        if one_pixel:
            return conv2d(upfirdn2d(x, f, down=down, padding=sides, flip=flip_filter), kernel, groups=groups)
        return conv2d(upfirdn2d(x, f, padding=sides, flip=flip_filter), kernel, stride=down, groups=groups)
    if up == down == 1 and sides[0] == sides[1] >= 0 and sides[2] == sides[3] >= 0:
        return conv2d(x, kernel, padding=(sides[2], sides[0]), groups=groups)
    x = upfirdn2d(x, f if up > 1 else None, up=up, padding=sides, flip=flip_filter, gain=up**2)
    x = conv2d(x, kernel, groups=groups)
    return upfirdn2d(x, f, down=down, flip=flip_filter) if down > 1 else x


def _spread(x: Tensor, w: Tensor, up: int, sides: list[int], groups: int, correlate: bool) -> tuple[Tensor, list[int]]:
    """Convolve the zero-inserted picture without making it; the filter can follow, since both are linear.

    Returns the full transposed convolution and the padding that the filter still has to give it.
    """
    out_channels, in_per_group, height, width = w.shape
    kernel = w.flip([2, 3]) if correlate else w
    if groups == 1:
        kernel = kernel.transpose(0, 1)
    else:
        kernel = kernel.reshape(groups, out_channels // groups, in_per_group, height, width).transpose(1, 2)
        kernel = kernel.reshape(groups * in_per_group, out_channels // groups, height, width)
    left, right, top, bottom = sides
    rest = [left - width + 1, right - width + up, top - height + 1, bottom - height + up]
    return conv_transpose2d(x, kernel, stride=up, groups=groups), rest
