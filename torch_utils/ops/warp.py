"""Bilinear warp of pictures by affine matrices, differentiable any number of times with respect to the pictures.

torch 2.11 has no second derivative of `grid_sample`, which R1 through the augmentation needs. The warp is linear in
the picture, so it needs none: its backward is another linear operator, and the backward of that is the warp again.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.differentiable import differentiable

_BILINEAR, _ZEROS = 0, 0  # aten's numbers for the mode and for what lies outside


def warp(x: Tensor, matrices: Tensor, size: Sequence[int]) -> Tensor:
    """Look up each output pixel at `matrices @ (x, y, 1)` in the input, bilinearly; outside the input is zero.

    Args:
        x: [N, C, H, W]; half precision computes in float32 and rounds once.
        matrices: [N, 2, 3], output to input; both pictures span -1…1 from edge to edge (align_corners=False).
            They get no gradient, whether they ask for one or not.
        size: (height, width) of the result.
    Returns:
        [N, C, height, width]
    """
    return _warp(x, matrices, list(size))


torch.library.define("kaokore::warp", "(Tensor x, Tensor matrices, int[] size) -> Tensor")
torch.library.define("kaokore::warp_backward", "(Tensor dy, Tensor matrices, int[] size) -> Tensor")


def _grid(x: Tensor, matrices: Tensor, size: Sequence[int]) -> Tensor:
    return F.affine_grid(matrices.to(x.dtype), [x.shape[0], 1, *size], align_corners=False)


def _wide(x: Tensor) -> Tensor:
    """In half precision places would be whole pixels off, and torch 2.11 (CPU) reads and writes where it must not."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def plain(x: Tensor, matrices: Tensor, size: Sequence[int]) -> Tensor:
    """The warp in plain PyTorch."""
    wide = _wide(x)
    return torch.ops.aten.grid_sampler_2d(wide, _grid(wide, matrices, size), _BILINEAR, _ZEROS, False).to(x.dtype)


def plain_backward(dy: Tensor, matrices: Tensor, size: Sequence[int]) -> Tensor:
    """Its transpose, in plain PyTorch."""
    wide = _wide(dy)
    grid = _grid(wide, matrices, dy.shape[2:])
    x = wide.new_empty(1).expand(*dy.shape[:2], *size)  # only its shape is read: values matter to the grid's gradient
    dx, _ = torch.ops.aten.grid_sampler_2d_backward(wide, x, grid, _BILINEAR, _ZEROS, False, [True, False])
    return dx.to(dy.dtype)


torch.library.impl("kaokore::warp", "CompositeExplicitAutograd", plain)
torch.library.impl("kaokore::warp_backward", "CompositeExplicitAutograd", plain_backward)


@torch.library.register_fake("kaokore::warp")
def _fake(x, matrices, size):
    return x.new_empty(*x.shape[:2], *size)


@torch.library.register_fake("kaokore::warp_backward")
def _fake_backward(dy, matrices, size):
    return dy.new_empty(*dy.shape[:2], *size)


def _save(ctx, inputs, output):
    x, matrices, _ = inputs
    ctx.save_for_backward(matrices)
    ctx.size = list(x.shape[2:])


def _backward(ctx, dy):
    return _warp_backward(dy, *ctx.saved_tensors, ctx.size), None, None


def _double_backward(ctx, g):
    return _warp(g, *ctx.saved_tensors, ctx.size), None, None


_warp = differentiable("warp", save=_save, backward=_backward)
_warp_backward = differentiable("warp_backward", save=_save, backward=_double_backward)
