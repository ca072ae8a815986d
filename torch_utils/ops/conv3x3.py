"""Convolutions of 3x3 taps at full size, whose compiled body takes fewer products than torch's; differentiable any
number of times.

The gradients of a convolution are convolutions again and the gradient of its weights; the gradients of that are
convolutions too. So two operators are all there is.
"""

import torch
from torch import Tensor

from torch_utils.ops.differentiable import differentiable
from torch_utils.ops.layout import layout_of

# Where the compiled body is the faster one: enough channels to fill a vector, enough tiles of 4x4 pixels to be worth
# transforming the weights for, and weights that are not too large once transformed.
_LEAST_CHANNELS, _LEAST_TILES, _PAIRS_A_TILE, _MOST_PAIRS = 16, 16, 1024, 2**16


def fewer_products_pay(x: Tensor, w: Tensor) -> bool:
    """Whether the compiled body is faster than torch's convolution (docs/decisions/0013).

    x must lie in memory as networks keep it on a CPU that has compiled bodies: channels last.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or w.shape[2:] != (3, 3):
        return False
    tiles, pairs = x.shape[0] * ((x.shape[2] + 3) // 4) * ((x.shape[3] + 3) // 4), w.shape[0] * w.shape[1]
    small = pairs <= min(_MOST_PAIRS, _PAIRS_A_TILE * tiles)
    enough = min(w.shape[:2]) >= _LEAST_CHANNELS and tiles >= _LEAST_TILES
    return small and enough and layout_of(x) is torch.channels_last


torch.library.define("kaokore::conv3x3", "(Tensor x, Tensor w, bool transposed) -> Tensor")
torch.library.define("kaokore::conv3x3_weight", "(Tensor dy, Tensor x) -> Tensor")

_TAPS = [3, 3]


def conv3x3(x: Tensor, w: Tensor) -> Tensor:
    """Equals torch.nn.functional.conv2d(x, w, padding=1).

    The compiled body (CPU) takes a quarter of the products (Lavin and Gray 2015, F(4x4, 3x3)). It rounds more coarsely,
    in float32 by 1e-6 of the results' deviation on average, ten times that at worst; what is infinite or no number
    makes all of its tile of 4x4 pixels NaN.

    Args:
        x: [N, I, H, W].
        w: [O, I, 3, 3].
    Returns:
        [N, O, H, W], in memory as x.
    """
    return _conv3x3(x, w, False)


def plain(x: Tensor, w: Tensor, transposed: bool) -> Tensor:
    """conv2d or, transposed, conv_transpose2d (w [I, O, 3, 3]), both with padding 1."""
    ones = [1, 1]
    y = torch.ops.aten.convolution(x, w, None, ones, ones, ones, transposed, [0, 0], 1)
    return y.contiguous(memory_format=layout_of(x))


def plain_weight(dy: Tensor, x: Tensor) -> Tensor:
    """The gradient of the weights, [O, I, 3, 3], from that of the result, dy [N, O, H, W]."""
    w, ones = x.new_empty(1).expand(dy.shape[1], x.shape[1], *_TAPS), [1, 1]  # only its shape is read
    asked = [False, True, False]
    dw = torch.ops.aten.convolution_backward(dy, x, w, None, ones, ones, ones, False, [0, 0], 1, asked)[1]
    return dw.contiguous()


torch.library.impl("kaokore::conv3x3", "CompositeExplicitAutograd", plain)
torch.library.impl("kaokore::conv3x3_weight", "CompositeExplicitAutograd", plain_weight)


@torch.library.register_fake("kaokore::conv3x3")
def _fake(x, w, transposed):
    shape = (x.shape[0], w.shape[1 if transposed else 0], *x.shape[2:])
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout_of(x))


@torch.library.register_fake("kaokore::conv3x3_weight")
def _fake_weight(dy, x):
    return x.new_empty(dy.shape[1], x.shape[1], *_TAPS)


def _save(ctx, inputs, output):
    x, w, ctx.transposed = inputs
    ctx.save_for_backward(x, w)


def _backward(ctx, dy):
    x, w = ctx.saved_tensors
    dx = dw = None
    if ctx.needs_input_grad[0]:
        dx = _conv3x3(dy, w, not ctx.transposed)
    if ctx.needs_input_grad[1]:
        dw = _conv3x3_weight(x, dy) if ctx.transposed else _conv3x3_weight(dy, x)
    return dx, dw, None


def _save_both(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _weight_backward(ctx, g):
    dy, x = ctx.saved_tensors
    d_dy = _conv3x3(x, g, False) if ctx.needs_input_grad[0] else None
    d_x = _conv3x3(dy, g, True) if ctx.needs_input_grad[1] else None
    return d_dy, d_x


_conv3x3 = differentiable("conv3x3", save=_save, backward=_backward)
_conv3x3_weight = differentiable("conv3x3_weight", save=_save_both, backward=_weight_backward)
