"""Bias, activation, gain and clamp in one operator, differentiable any number of times.

The plain bodies here are the specification; csrc/bias_act.cpp and csrc/bias_act.cu are faster ones of the same name.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.differentiable import differentiable

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Activation:
    """An activation, its first two derivatives at the same point, and StyleGAN2's default gain and slope."""

    value: Callable[[Tensor, float], Tensor]
    slope: Callable[[Tensor, float], Tensor]
    curvature: Callable[[Tensor, float], Tensor] | None = None  # None where it is zero almost everywhere
    gain: float = 1.0
    alpha: float = 0.0


def _swish_slope(x: Tensor, _: float) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


def _swish_curvature(x: Tensor, _: float) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def _sigmoid_curvature(x: Tensor, _: float) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s) * (1 - 2 * s)


def _tanh_curvature(x: Tensor, _: float) -> Tensor:
    t = torch.tanh(x)
    return -2 * t * (1 - t * t)


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x, a: x, lambda x, a: torch.ones_like(x)),
    "relu": Activation(lambda x, a: F.relu(x), lambda x, a: (x > 0).to(x.dtype), gain=2**0.5),
    "lrelu": Activation(
        lambda x, a: F.leaky_relu(x, a), lambda x, a: torch.where(x > 0, torch.ones_like(x), a), gain=2**0.5, alpha=0.2
    ),
    "tanh": Activation(lambda x, a: torch.tanh(x), lambda x, a: 1 - torch.tanh(x) ** 2, _tanh_curvature),
    "sigmoid": Activation(
        lambda x, a: torch.sigmoid(x), lambda x, a: torch.sigmoid(x) * torch.sigmoid(-x), _sigmoid_curvature
    ),
    "elu": Activation(
        lambda x, a: F.elu(x),
        lambda x, a: torch.where(x >= 0, 1.0, x.clamp(max=0).exp()).to(x.dtype),
        lambda x, a: torch.where(x >= 0, 0.0, x.clamp(max=0).exp()).to(x.dtype),
    ),
    "selu": Activation(
        lambda x, a: F.selu(x),
        lambda x, a: _SELU_SCALE * torch.where(x >= 0, 1.0, _SELU_ALPHA * x.clamp(max=0).exp()).to(x.dtype),
        lambda x, a: _SELU_SCALE * torch.where(x >= 0, 0.0, _SELU_ALPHA * x.clamp(max=0).exp()).to(x.dtype),
    ),
    "softplus": Activation(
        lambda x, a: F.softplus(x),
        lambda x, a: torch.sigmoid(x),
        lambda x, a: torch.sigmoid(x) * torch.sigmoid(-x),
    ),
    "swish": Activation(lambda x, a: x * torch.sigmoid(x), _swish_slope, _swish_curvature, gain=2**0.5),
}


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    *,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """y = clamp(act(x + b) * gain, ±clamp).

    Args:
        x: any shape.
        b: bias along dimension `dim` of x, [x.shape[dim]], same type as x.
        act: a key of ACTIVATIONS.
        alpha: slope of lrelu below zero (default 0.2); the other activations ignore it.
        gain: factor after the activation; default √2 for relu, lrelu and swish, else 1.
        clamp: bound on |y|, or None.
    Source: Karras et al. 2020 (StyleGAN2-ADA), conventions in golden/INDEX.md.
    """
    activation = ACTIVATIONS[act]
    alpha = activation.alpha if alpha is None else alpha
    gain = activation.gain if gain is None else gain
    return _bias_act(x, b, dim, act, float(alpha), float(gain), clamp)


def reads_output(act: str, alpha: float, gain: float) -> bool:
    """Whether the slope can be told from the output, which is there anyway, so that the input need not be kept.

    True for activations of straight pieces that keep the sign: their slope depends on nothing else.
    """
    return gain > 0 and (act in ("linear", "relu") or (act == "lrelu" and alpha > 0))


_OPTIONS = "int dim, str act, float alpha, float gain, float? clamp"
torch.library.define("kaokore::bias_act", f"(Tensor x, Tensor? b, {_OPTIONS}) -> Tensor")
# seen: the output where `reads_output` says so (b is not looked at then), else the input x.
torch.library.define("kaokore::bias_act_backward", f"(Tensor dy, Tensor seen, Tensor? b, {_OPTIONS}) -> Tensor")
# The same, and its sum over all but the bias's dimension: the gradients of x and of b in one pass.
torch.library.define(
    "kaokore::bias_act_gradients", f"(Tensor dy, Tensor seen, Tensor? b, {_OPTIONS}) -> (Tensor, Tensor)"
)


def _shaped(b: Tensor, x: Tensor, dim: int) -> Tensor:
    return b.reshape([-1 if axis == dim % x.ndim else 1 for axis in range(x.ndim)])


def _biased(x: Tensor, b: Tensor | None, dim: int) -> Tensor:
    return x if b is None else x + _shaped(b, x, dim)


def plain(x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float | None) -> Tensor:
    """The operator in plain PyTorch."""
    y = ACTIVATIONS[act].value(_biased(x, b, dim), alpha) * gain
    return y if clamp is None else y.clamp_(-clamp, clamp)


def plain_backward(
    dy: Tensor, seen: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float | None
) -> Tensor:
    """Its derivative with respect to x, in plain PyTorch."""
    if reads_output(act, alpha, gain):
        dx = _straight_slope(dy, seen, act, alpha).mul_(gain)
        return dx if clamp is None else dx.mul_(_below(seen, clamp))
    biased = _biased(seen, b, dim)
    dx = ACTIVATIONS[act].slope(biased, alpha).mul_(dy).mul_(gain)
    return dx if clamp is None else dx.mul_(_inside(biased, act, alpha, gain, clamp))


def plain_gradients(
    dy: Tensor, seen: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float | None
) -> tuple[Tensor, Tensor]:
    """Gradients of x and of b; the first by whatever body there is."""
    dx = torch.ops.kaokore.bias_act_backward(dy, seen, b, dim, act, alpha, gain, clamp)
    return dx, _sum_to_bias(dx, dim)


def _straight_slope(dy: Tensor, y: Tensor, act: str, alpha: float) -> Tensor:
    """dy times the slope on the side of zero where y lies; a new tensor."""
    if act == "linear":
        return dy.clone()
    if act == "relu":
        return torch.ops.aten.threshold_backward(dy, y, 0)
    return torch.ops.aten.leaky_relu_backward(dy, y, alpha, True)


def _inside(biased: Tensor, act: str, alpha: float, gain: float, clamp: float) -> Tensor:
    """1 where the clamp leaves the value alone, else 0."""
    return _below(ACTIVATIONS[act].value(biased, alpha) * gain, clamp)


def _below(y: Tensor, clamp: float) -> Tensor:
    limit = torch.tensor(clamp, dtype=y.dtype)  # rounded as the clamped values are
    return (y.abs() < limit).to(y.dtype)


torch.library.impl("kaokore::bias_act", "CompositeExplicitAutograd", plain)
torch.library.impl("kaokore::bias_act_backward", "CompositeExplicitAutograd", plain_backward)
torch.library.impl("kaokore::bias_act_gradients", "CompositeExplicitAutograd", plain_gradients)


@torch.library.register_fake("kaokore::bias_act")
def _fake(x, b, dim, act, alpha, gain, clamp):
    return torch.empty_like(x)


@torch.library.register_fake("kaokore::bias_act_backward")
def _fake_backward(dy, seen, b, dim, act, alpha, gain, clamp):
    return torch.empty_like(seen)


@torch.library.register_fake("kaokore::bias_act_gradients")
def _fake_gradients(dy, seen, b, dim, act, alpha, gain, clamp):
    return torch.empty_like(seen), seen.new_empty(seen.shape[dim])


def _sum_to_bias(dx: Tensor, dim: int) -> Tensor:
    others = [axis for axis in range(dx.ndim) if axis != dim % dx.ndim]
    return dx.sum(others) if others else dx.clone()  # torch takes no axes for all axes


def _save_forward(ctx, inputs, output):
    x, b, *ctx.options = inputs
    _, act, alpha, gain, _ = ctx.options
    ctx.save_for_backward(*((output, None) if reads_output(act, alpha, gain) else (x, b)))


def _backward(ctx, dy):
    seen, b = ctx.saved_tensors
    if ctx.needs_input_grad[1]:
        return *_bias_act_gradients(dy, seen, b, *ctx.options), None, None, None, None, None
    return bias_act_backward(dy, seen, b, *ctx.options), None, None, None, None, None, None


def _save_backward(ctx, inputs, output):
    dy, seen, b, *ctx.options = inputs
    ctx.save_for_backward(dy, seen, b)


def _double_backward(ctx, g):
    dy, seen, b = ctx.saved_tensors
    dim, act, alpha, gain, clamp = ctx.options
    d_dy = bias_act_backward(g, seen, b, *ctx.options) if ctx.needs_input_grad[0] else None
    curvature = ACTIVATIONS[act].curvature
    if curvature is None or not any(ctx.needs_input_grad[1:3]):
        return d_dy, None, None, None, None, None, None, None
    biased = _biased(seen, b, dim)
    d_x = g * dy * curvature(biased, alpha) * gain
    if clamp is not None:
        d_x = d_x * _inside(biased, act, alpha, gain, clamp)
    d_b = _sum_to_bias(d_x, dim) if ctx.needs_input_grad[2] else None
    return d_dy, d_x, d_b, None, None, None, None, None


def _double_backward_of_both(ctx, g_dx, g_db):
    _, seen, _ = ctx.saved_tensors
    g = g_dx + _shaped(g_db, seen, ctx.options[0])  # whatever reaches db reaches every dx it sums
    return _double_backward(ctx, g)


_bias_act = differentiable("bias_act", save=_save_forward, backward=_backward)
bias_act_backward = differentiable("bias_act_backward", save=_save_backward, backward=_double_backward)
_bias_act_gradients = differentiable("bias_act_gradients", save=_save_backward, backward=_double_backward_of_both)
