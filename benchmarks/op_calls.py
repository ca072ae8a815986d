"""Calls of the ops to time, compiled and plain: on pictures as networks have them, forward and backward."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from torch_utils.ops import bias_act as bias_act_module
from torch_utils.ops import synthesis_epilogue as epilogue_module
from torch_utils.ops import warp as warp_module
from torch_utils.ops.filtered_lrelu import filtered_lrelu
from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.plain import plain_bodies
from training.augment.config import AugmentConfig
from training.augment.draws import Draws
from training.augment.pipeline import AugmentPipe

Call = Callable[[], object]
Layer = Callable[[], tuple[Tensor, list[Tensor]]]  # a result, and what has gradients


def bias_act_inputs(x: Tensor, clamp: float | None = None) -> tuple[Any, ...]:
    """x, a bias, and the options of StyleGAN2's leaky ReLU."""
    return x, torch.randn(x.shape[1]), 1, "lrelu", 0.2, 2**0.5, clamp


def bias_act_forward(x: Tensor, clamp: float | None = None, *, compiled: bool) -> Call:
    """The op alone."""
    return partial(torch.ops.kaokore.bias_act if compiled else bias_act_module.plain, *bias_act_inputs(x, clamp))


def bias_act_both(x: Tensor, clamp: float | None = None, *, compiled: bool) -> Call:
    """Forward, gradient of x and gradient of the bias."""
    ops, module = torch.ops.kaokore, bias_act_module
    inputs, dy = bias_act_inputs(x, clamp), torch.randn_like(x)
    if compiled:
        return lambda: ops.bias_act_gradients(dy, ops.bias_act(*inputs), None, *inputs[2:])
    return lambda: module.plain_backward(dy, module.plain(*inputs), None, *inputs[2:]).sum([0, 2, 3])


def epilogue_both(x: Tensor, *, compiled: bool) -> Call:
    """Forward and all four gradients."""
    forward, backward = epilogue_module.plain, epilogue_module.plain_backward
    if compiled:
        forward, backward = torch.ops.kaokore.synthesis_epilogue, torch.ops.kaokore.synthesis_epilogue_backward
    scale, noise = torch.rand(x.shape[:2]), torch.randn(x.shape[0], 1, *x.shape[2:])
    b, dy, options = torch.randn(x.shape[1]), torch.randn_like(x), (0.2, 2**0.5, None)
    return lambda: backward(dy, forward(x, scale, noise, b, *options), x, scale, True, *options)


def filtered_layer(shape: tuple[int, ...], up: int, down: int, radial: bool) -> Layer:
    """A result that is as large as StyleGAN3's layers make it, and what it was made of."""
    fu, fd = design_lowpass(6 * up, 4, 8, 16 * up), design_lowpass(6 * down, 4, 8, 16 * down, radial=radial)
    inputs = [torch.randn(shape).requires_grad_(), torch.randn(shape[1]).requires_grad_()]
    padding = [3 * (up + down), 3 * (up + down) - 1] * 2
    options = {"fu": fu, "fd": fd, "up": up, "down": down, "padding": padding, "clamp": 256.0}
    return lambda: (filtered_lrelu(*inputs, **options), inputs)


def without_gradient(layer: Layer) -> None:
    """Forward, keeping nothing."""
    with torch.no_grad():
        layer()


def both(layer: Layer) -> None:
    """Forward and all gradients."""
    y, inputs = layer()
    torch.autograd.grad(y, inputs, torch.ones_like(y))


def by_plain_bodies(call: Call) -> None:
    """A call without compiled ops."""
    with plain_bodies():
        call()


class Warps(TorchDispatchMode):
    """Keeps the arguments of every warp that happens inside."""

    def __init__(self):
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.kaokore.warp.default:
            self.seen.append(args)
        return func(*args, **(kwargs or {}))


def warp_calls() -> tuple[str, dict[str, list[Call]]]:
    """The shape, and calls forward and transposed: of an augmentation at its strongest, 16 pictures of 64 pixels."""
    pipe, draws = AugmentPipe(AugmentConfig(pipe="bgc")), Draws(torch.Generator().manual_seed(0))
    with Warps() as warps:
        pipe(torch.randn(16, 3, 64, 64), 0.85, draws)
    ((x, matrices, size),) = warps.seen
    dy, back = torch.randn(*x.shape[:2], *size), list(x.shape[2:])
    ops, module = torch.ops.kaokore, warp_module
    return f"{list(x.shape)} to {list(size)}, as ADA at 64 pixels", {
        "warp forward": [partial(body, x, matrices, size) for body in (module.plain, ops.warp)],
        "warp transpose": [partial(body, dy, matrices, back) for body in (module.plain_backward, ops.warp_backward)],
    }
