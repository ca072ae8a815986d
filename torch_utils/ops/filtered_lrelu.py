"""StyleGAN3's nonlinearity in one operator: bias, upsampling, leaky ReLU, clamp, downsampling.

The corners that a leaky ReLU makes hold frequencies a coarse grid cannot; so it is applied to a finer picture, and what
the coarse grid cannot hold is filtered away before going back. The compiled bodies (csrc/filtered_lrelu.cpp and .cu)
never hold the fine picture whole. For the derivative two bits are kept of each of its samples, the "signs"; with them
the operator is linear, and `filtered_lrelu_signed` is that linear operator, whose derivative is itself, transposed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops import upfirdn2d, upfirdn2d_plain
from torch_utils.ops.differentiable import differentiable
from torch_utils.ops.upfirdn2d import filter_size, four_sides

# Of a sample of the fine picture; four to a byte, the leftmost in the lowest bits. Outside the picture nothing passes.
_BLOCKED, _POSITIVE, _NEGATIVE = 0, 1, 2
_TO_A_BYTE = 4


def filtered_lrelu(
    x: Tensor,
    b: Tensor | None = None,
    *,
    fu: Tensor | None = None,
    fd: Tensor | None = None,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    slope: float = 0.2,
    gain: float = 2**0.5,
    clamp: float | None = None,
    flip: bool = False,
) -> Tensor:
    """y = down(clamp(leaky_relu(up(x + b), slope) · gain, ±clamp)), up and down being FIR filters.

    Args:
        x: [N, C, H, W].
        b: bias of the channels, [C], of x's type, or None.
        fu, fd: filters for upsampling and downsampling, [taps] (applied along both axes) or [height, width]; None for
            the identity; not differentiated. `fu` is applied with a gain of up², so that brightness stays.
        up, down: factor, or (x, y).
        padding: pixels of the upsampled picture before it is filtered, as for `upfirdn2d`; negative crops.
        slope: of the leaky ReLU below zero.
        gain: factor after it.
        clamp: bound on its absolute result, or None.
        flip: False convolves, True correlates, with both filters.
    Half precision computes in float32 and rounds once.
    Returns:
        contiguous, [N, C, (H·up + top + bottom - taps of fu + 1 - taps of fd) // down + 1, …]
    Raises:
        RuntimeError: arguments that do not fit, or a padding that leaves no pixel.
    Source: Karras et al. 2021 (StyleGAN3), section 3.2; conventions in golden/INDEX.md.
    """
    fu = torch.ones(1, 1, device=x.device) if fu is None else fu
    fd = torch.ones(1, 1, device=x.device) if fd is None else fd
    keep = torch.is_grad_enabled() and (x.requires_grad or (b is not None and b.requires_grad))
    factors = upfirdn2d.pair(up), upfirdn2d.pair(down), four_sides(padding)
    y, _ = _filtered_lrelu(x, b, fu, fd, *factors, flip, float(slope), float(gain), clamp, keep)
    return y


_FILTERS = "Tensor fu, Tensor fd, int[] up, int[] down, int[] padding"
# keep_signs: without it the second result is empty and there is no derivative.
torch.library.define(
    "kaokore::filtered_lrelu",
    f"(Tensor x, Tensor? b, {_FILTERS}, bool flip, float slope, float gain, float? clamp, bool keep_signs)"
    " -> (Tensor, Tensor)",
)
# The same without bias and clamp, where signs tell the slope: sample (x, y) has that at (x, y) + offset, (x, y) too.
torch.library.define(
    "kaokore::filtered_lrelu_signed",
    f"(Tensor x, Tensor signs, {_FILTERS}, int[] offset, bool flip, float slope, float gain) -> Tensor",
)


class Sizes(NamedTuple):
    """(height, width) of the result and of that part of the fine picture which it sees."""

    out: tuple[int, int]
    fine: tuple[int, int]


def sizes_of(op: str, x: Tensor, fu: Tensor, fd: Tensor, up, down, padding) -> Sizes:
    """Sizes of what an operator makes; refuses what does not fit."""
    if x.ndim != 4:
        raise RuntimeError(f"{op}: x of shape {list(x.shape)} is not [N, C, H, W]")
    for name, f in (("fu", fu), ("fd", fd)):
        if f.ndim not in (1, 2) or f.numel() == 0:
            raise RuntimeError(f"{op}: {name} of shape {list(f.shape)} is neither [taps] nor [height, width]")
    if len(up) != 2 or len(down) != 2 or len(padding) != 4:
        raise RuntimeError(f"{op}: up and down take two numbers, padding four")
    if min(*up, *down) < 1:
        raise RuntimeError(f"{op}: up and down begin at 1")
    out, fine = [], []
    for axis in (0, 1):  # x, then y
        taps = filter_size(fu)[axis], filter_size(fd)[axis]
        room = x.shape[3 - axis] * up[axis] + padding[2 * axis] + padding[2 * axis + 1] + 1 - taps[0] - taps[1]
        if room < 0:
            raise RuntimeError(f"{op}: padding {list(padding)} leaves nothing of {x.shape[3]}x{x.shape[2]} pixels.")
        out.append(room // down[axis] + 1)
        fine.append((out[axis] - 1) * down[axis] + taps[1])
    return Sizes((out[1], out[0]), (fine[1], fine[0]))


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def plain(
    x: Tensor,
    b: Tensor | None,
    fu: Tensor,
    fd: Tensor,
    up,
    down,
    padding,
    flip: bool,
    slope: float,
    gain: float,
    clamp: float | None,
    keep_signs: bool,
) -> tuple[Tensor, Tensor]:
    """The operator in plain PyTorch: the result, and the signs of the samples that it sees."""
    sizes = sizes_of("filtered_lrelu", x, fu, fd, up, down, padding)
    biased = x.to(_wide(x))
    if b is not None:
        if b.shape != x.shape[1:2]:
            raise RuntimeError(f"filtered_lrelu: b of shape {list(b.shape)} does not fit x of shape {list(x.shape)}")
        biased = biased + b.to(biased.dtype)[:, None, None]
    fine = upfirdn2d_plain.plain(biased, fu, up, [1, 1], padding, flip, float(up[0] * up[1]))
    fine = fine[:, :, : sizes.fine[0], : sizes.fine[1]]
    values = F.leaky_relu(fine, slope) * gain
    signs = _signs(fine, values, clamp) if keep_signs else x.new_empty(0, dtype=torch.uint8)
    if clamp is not None:
        values = values.clamp(-clamp, clamp)
    y = upfirdn2d_plain.plain(values, fd, [1, 1], down, [0, 0, 0, 0], flip, 1.0)
    return y.to(x.dtype).contiguous(), signs


def _signs(fine: Tensor, values: Tensor, clamp: float | None) -> Tensor:
    """Two bits for each sample: [N, C, height, ⌈width / 4⌉], uint8."""
    signs = torch.where(fine > 0, _POSITIVE, _NEGATIVE)
    if clamp is not None:
        signs = torch.where(values.abs() < clamp, signs, _BLOCKED)
    signs = F.pad(signs, [0, -fine.shape[3] % _TO_A_BYTE])
    quartets = signs.reshape(*signs.shape[:3], signs.shape[3] // _TO_A_BYTE, _TO_A_BYTE)
    bytes_ = (quartets << torch.arange(0, 2 * _TO_A_BYTE, 2, device=fine.device)).sum(dim=4)
    return bytes_.to(torch.uint8).contiguous()


def plain_signed(
    x: Tensor,
    signs: Tensor,
    fu: Tensor,
    fd: Tensor,
    up,
    down,
    padding,
    offset,
    flip: bool,
    slope: float,
    gain: float,
) -> Tensor:
    """The linear operator in plain PyTorch."""
    sizes = sizes_of("filtered_lrelu_signed", x, fu, fd, up, down, padding)
    if signs.ndim != 4 or signs.dtype != torch.uint8 or signs.shape[:2] != x.shape[:2] or 0 in signs.shape[2:]:
        raise RuntimeError(
            f"filtered_lrelu_signed: signs of shape {list(signs.shape)} do not fit x of shape {list(x.shape)}"
        )
    fine = upfirdn2d_plain.plain(x.to(_wide(x)), fu, up, [1, 1], padding, flip, float(up[0] * up[1]))
    fine = fine[:, :, : sizes.fine[0], : sizes.fine[1]]
    values = fine * _slopes(signs, offset, sizes.fine, slope, gain, fine.dtype)
    return upfirdn2d_plain.plain(values, fd, [1, 1], down, [0, 0, 0, 0], flip, 1.0).to(x.dtype).contiguous()


def _slopes(signs: Tensor, offset, size: tuple[int, int], slope: float, gain: float, dtype: torch.dtype) -> Tensor:
    """What each sample of a fine picture is multiplied by: [N, C, *size]."""
    shifts = torch.arange(0, 2 * _TO_A_BYTE, 2, device=signs.device)
    codes = (signs.long()[..., None] >> shifts & 3).flatten(3)
    x = torch.arange(size[1], device=signs.device) + offset[0]
    y = (torch.arange(size[0], device=signs.device) + offset[1])[:, None]
    height, width = codes.shape[2:]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    codes = codes[:, :, y.clamp(0, height - 1), x.clamp(0, width - 1)] * inside
    slopes = torch.where(codes == _NEGATIVE, slope * gain, torch.zeros_like(codes, dtype=dtype))
    return torch.where(codes == _POSITIVE, gain, slopes)


torch.library.impl("kaokore::filtered_lrelu", "CompositeExplicitAutograd", plain)
torch.library.impl("kaokore::filtered_lrelu_signed", "CompositeExplicitAutograd", plain_signed)


@torch.library.register_fake("kaokore::filtered_lrelu")
def _fake(x, b, fu, fd, up, down, padding, flip, slope, gain, clamp, keep_signs):
    sizes = sizes_of("filtered_lrelu", x, fu, fd, up, down, padding)
    height, width = sizes.fine
    shape = (*x.shape[:2], height, (width + _TO_A_BYTE - 1) // _TO_A_BYTE) if keep_signs else (0,)
    return x.new_empty(*x.shape[:2], *sizes.out), x.new_empty(*shape, dtype=torch.uint8)


@torch.library.register_fake("kaokore::filtered_lrelu_signed")
def _fake_signed(x, signs, fu, fd, up, down, padding, offset, flip, slope, gain):
    return x.new_empty(*x.shape[:2], *sizes_of("filtered_lrelu_signed", x, fu, fd, up, down, padding).out)


def _transposed(dy: Tensor, ctx) -> Tensor:
    """What the operator of a context does to gradients: up and down change places, and each sample keeps its slope.

    Padding and offset follow from where input i and output o meet a fine sample, i·up - padding and o·down; applied
    twice they are the first ones again.
    """
    signs, fu, fd = ctx.saved_tensors
    up, down, padding, offset = ctx.up, ctx.down, ctx.padding, ctx.offset
    sides, shifts = [], []
    for axis in (0, 1):  # x, then y
        taps_up, taps_down = filter_size(fu)[axis], filter_size(fd)[axis]
        before = taps_up + taps_down - 2 - padding[2 * axis]
        size, grown = ctx.size[1 - axis], dy.shape[3 - axis] * down[axis]
        sides += [before, (size - 1) * up[axis] + taps_up + taps_down - 1 - grown - before]
        shifts.append(offset[axis] + padding[2 * axis] - taps_up + 1)
    gain = ctx.gain * (up[0] * up[1]) / (down[0] * down[1])
    return _filtered_lrelu_signed(dy, signs, fd, fu, down, up, sides, shifts, not ctx.flip, ctx.slope, gain)


def _save(ctx, inputs, output):
    x, _, fu, fd, ctx.up, ctx.down, ctx.padding, ctx.flip, ctx.slope, ctx.gain, _, ctx.signs_kept = inputs
    ctx.offset, ctx.size = [0, 0], x.shape[2:]
    ctx.save_for_backward(output[1], fu, fd)
    ctx.set_materialize_grads(False)  # else zeros are made for the signs, which have no gradient


def _backward(ctx, dy, _):
    if dy is None:
        return (None,) * 12
    if not ctx.signs_kept:
        raise RuntimeError("filtered_lrelu: no derivative without signs. Call the operator with keep_signs.")
    dx = _transposed(dy, ctx)
    db = dx.sum([0, 2, 3]) if ctx.needs_input_grad[1] else None
    return dx, db, *(None,) * 10


def _save_signed(ctx, inputs, output):
    x, signs, fu, fd, ctx.up, ctx.down, ctx.padding, ctx.offset, ctx.flip, ctx.slope, ctx.gain = inputs
    ctx.size = x.shape[2:]
    ctx.save_for_backward(signs, fu, fd)


def _backward_signed(ctx, g):
    return _transposed(g, ctx), *(None,) * 10


_filtered_lrelu = differentiable("filtered_lrelu", save=_save, backward=_backward)
_filtered_lrelu_signed = differentiable("filtered_lrelu_signed", save=_save_signed, backward=_backward_signed)
