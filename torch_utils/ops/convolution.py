"""Convolutions whose second derivatives are as fast as their first.

torch differentiates a convolution's backward by convolutions with kernels as large as the pictures, and copies to fit:
an eighth of R1's time on CPU. Here the backward is made of convolutions of the usual kind: forward, with respect to the
input, with respect to the weight; the derivatives of each are again among the three.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_utils.ops.conv3x3 import conv3x3, fewer_products_pay


def pixelwise(x: Tensor, w: Tensor) -> Tensor:
    """A 1x1 convolution with weights of each sample's own: x [N, I, H, W], w [N, O, I] → [N, O, H, W], contiguous.

    Meant for few outputs (a picture's colours), where products of matrices are two to three times as fast.
    """
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
    return _PixelProduct.apply(pixels, w).unflatten(2, x.shape[2:])


class _PixelProduct(torch.autograd.Function):
    """x [N, pixels, I], w [N, O, I] → [N, O, pixels]. Only for its backward, whose result lies in memory as x does."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return torch.bmm(w, x.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (dy,) = upstream
        x, w = ctx.saved_tensors
        dx = dw = None
        if ctx.needs_input_grad[0] and x.stride(2) == 1:
            dx = torch.bmm(dy.transpose(1, 2), w)
        elif ctx.needs_input_grad[0]:
            dx = torch.bmm(w.transpose(1, 2), dy).transpose(1, 2)
        if ctx.needs_input_grad[1]:
            dw = torch.bmm(dy, x)
        return dx, dw


class _Form(NamedTuple):
    """What a convolution is besides its tensors."""

    stride: int
    padding: tuple[int, int]  # rows, columns
    groups: int
    transposed: bool
    output_padding: tuple[int, int]

    def other_way(self, dy: Tensor, w: Tensor, x: Tensor) -> "_Form":
        """The convolution that takes a gradient back to the input, which has the size of x."""
        if self.transposed:
            return self._replace(transposed=False, output_padding=(0, 0))
        rest = [
            x.shape[axis] - ((dy.shape[axis] - 1) * self.stride - 2 * self.padding[axis - 2] + w.shape[axis])
            for axis in (2, 3)
        ]
        return self._replace(transposed=True, output_padding=(rest[0], rest[1]))


def conv2d(x: Tensor, w: Tensor, *, stride: int = 1, padding: tuple[int, int] = (0, 0), groups: int = 1) -> Tensor:
    """Equals torch.nn.functional.conv2d: x [N, I, H, W], w [O, I / groups, kh, kw], padding (rows, columns)."""
    if groups == stride == 1 and tuple(padding) == (1, 1) and fewer_products_pay(x, w):
        return conv3x3(x, w)
    return _Convolution.apply(x, w, _Form(stride, padding, groups, transposed=False, output_padding=(0, 0)))


def conv_transpose2d(x: Tensor, w: Tensor, *, stride: int = 1, groups: int = 1) -> Tensor:
    """Equals torch.nn.functional.conv_transpose2d without padding: w [I, O / groups, kh, kw]."""
    return _Convolution.apply(x, w, _Form(stride, (0, 0), groups, transposed=True, output_padding=(0, 0)))


def _run(x: Tensor, w: Tensor, form: _Form) -> Tensor:
    stride, padding, groups, transposed, output_padding = form
    return torch.ops.aten.convolution(x, w, None, [stride] * 2, padding, [1, 1], transposed, output_padding, groups)


def _gradients(dy: Tensor, x: Tensor, w: Tensor, form: _Form, wanted: list[bool]) -> tuple[Tensor, Tensor]:
    stride, padding, groups, transposed, output_padding = form
    dx, dw, _ = torch.ops.aten.convolution_backward(
        dy, x, w, None, [stride] * 2, padding, [1, 1], transposed, output_padding, groups, [*wanted, False]
    )
    return dx, dw


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, form: _Form) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.form = form
        return _run(x, w, form)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (dy,) = upstream
        x, w = ctx.saved_tensors
        wanted = [bool(needed) for needed in ctx.needs_input_grad[:2]]
        if not torch.is_grad_enabled():
            return *_gradients(dy, x, w, ctx.form, wanted), None
        dx = _Convolution.apply(dy, w, ctx.form.other_way(dy, w, x)) if wanted[0] else None
        dw = _WeightGradient.apply(dy, x, w, ctx.form) if wanted[1] else None
        return dx, dw, None


class _WeightGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, w: Tensor, form: _Form) -> Tensor:
        ctx.save_for_backward(dy, x)
        ctx.form = form
        return _gradients(dy, x, w, form, [False, True])[1]

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (g,) = upstream
        dy, x = ctx.saved_tensors
        d_dy = _Convolution.apply(x, g, ctx.form) if ctx.needs_input_grad[0] else None
        d_x = _Convolution.apply(dy, g, ctx.form.other_way(dy, g, x)) if ctx.needs_input_grad[1] else None
        return d_dy, d_x, None, None
