"""All that follows a modulated convolution, in one operator: demodulation, noise, bias, leaky ReLU, gain and clamp.

One pass over memory instead of six. The plain bodies here are the specification; csrc/synthesis_epilogue.cpp and
csrc/synthesis_epilogue.cu are faster ones of the same name. Differentiable twice, as path length needs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.bias_act import bias_act_backward
from torch_utils.ops.differentiable import differentiable


def synthesis_epilogue(
    x: Tensor,
    scale: Tensor | None,
    noise: Tensor | None,
    b: Tensor,
    *,
    alpha: float = 0.2,
    gain: float = 2**0.5,
    clamp: float | None = None,
) -> Tensor:
    """y = clamp(leaky_relu(x · scale + noise + b, alpha) · gain, ±clamp).

    Args:
        x: [N, C, H, W].
        scale: demodulation of each sample's channels, [N, C], or None.
        noise: the same for all channels, [N or 1, 1, H, W], or None.
        b: bias of the channels, [C].
        alpha: slope below zero, above 0.
        gain: factor after the activation, above 0.
        clamp: bound on |y|, or None.
    All tensors are of x's type; half precision computes in float32 and rounds once.
    Source: Karras et al. 2020 (StyleGAN2), figure 2c.
    """
    assert alpha > 0 and gain > 0, "the backward tells the slope from the sign of the output"
    return _synthesis_epilogue(x, scale, noise, b, float(alpha), float(gain), clamp)


_OPTIONS = "float alpha, float gain, float? clamp"
torch.library.define(
    "kaokore::synthesis_epilogue", f"(Tensor x, Tensor? scale, Tensor? noise, Tensor b, {_OPTIONS}) -> Tensor"
)
# Gradients of x, scale ([N, C]), noise ([N, 1, H, W]) and b ([C]); of an absent scale or noise an empty tensor.
torch.library.define(
    "kaokore::synthesis_epilogue_backward",
    f"(Tensor dy, Tensor y, Tensor x, Tensor? scale, bool has_noise, {_OPTIONS}) -> (Tensor, Tensor, Tensor, Tensor)",
)


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def plain(
    x: Tensor, scale: Tensor | None, noise: Tensor | None, b: Tensor, alpha: float, gain: float, clamp: float | None
) -> Tensor:
    """The operator in plain PyTorch."""
    wide = _wide(x)
    z = x.to(wide)
    if scale is not None:
        z = z * scale.to(wide)[:, :, None, None]
    if noise is not None:
        z = z + noise.to(wide)
    z = F.leaky_relu(z + b.to(wide)[:, None, None], alpha) * gain
    return (z if clamp is None else z.clamp(-clamp, clamp)).to(x.dtype)


def plain_backward(
    dy: Tensor,
    y: Tensor,
    x: Tensor,
    scale: Tensor | None,
    has_noise: bool,
    alpha: float,
    gain: float,
    clamp: float | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Its derivatives with respect to x, scale, noise and b, in plain PyTorch."""
    wide = _wide(x)
    dz = dy.to(wide) * _slope(y, alpha, gain, clamp)
    dx = dz.clone() if scale is None else dz * scale.to(wide)[:, :, None, None]
    d_scale = x.new_empty(0) if scale is None else (dz * x.to(wide)).sum(dim=[2, 3]).to(x.dtype)
    d_noise = dz.sum(dim=1, keepdim=True).to(x.dtype) if has_noise else x.new_empty(0)
    return dx.to(x.dtype), d_scale, d_noise, dz.sum(dim=[0, 2, 3]).to(x.dtype)


def _slope(y: Tensor, alpha: float, gain: float, clamp: float | None) -> Tensor:
    """dy/dz at each element, told from the output; float32 or wider."""
    y_wide = y.to(_wide(y))
    slope = torch.where(y_wide > 0, torch.ones_like(y_wide), alpha) * gain
    if clamp is None:
        return slope
    limit = torch.tensor(clamp, dtype=y.dtype)  # rounded as the clamped values are
    return slope * (y.abs() < limit)


torch.library.impl("kaokore::synthesis_epilogue", "CompositeExplicitAutograd", plain)
torch.library.impl("kaokore::synthesis_epilogue_backward", "CompositeExplicitAutograd", plain_backward)


@torch.library.register_fake("kaokore::synthesis_epilogue")
def _fake(x, scale, noise, b, alpha, gain, clamp):
    return torch.empty_like(x)


@torch.library.register_fake("kaokore::synthesis_epilogue_backward")
def _fake_backward(dy, y, x, scale, has_noise, alpha, gain, clamp):
    d_scale = x.new_empty(0) if scale is None else torch.empty_like(scale)
    d_noise = x.new_empty(x.shape[0], 1, *x.shape[2:]) if has_noise else x.new_empty(0)
    return torch.empty_like(x), d_scale, d_noise, x.new_empty(x.shape[1])


def _save(ctx, inputs, output):
    x, scale, noise, _, *ctx.options = inputs
    # Without a scale the input's values are never read again; the output stands in for its shape.
    ctx.save_for_backward(output, output if scale is None else x, scale)
    ctx.noise_shape = None if noise is None else noise.shape


def _backward(ctx, dy):
    y, x, scale = ctx.saved_tensors
    has_noise = ctx.noise_shape is not None
    dx, d_scale, d_noise, db = _synthesis_epilogue_backward(dy, y, x, scale, has_noise, *ctx.options)
    if has_noise:
        d_noise = d_noise.sum_to_size(ctx.noise_shape)
    return dx, d_scale if scale is not None else None, d_noise if has_noise else None, db, None, None, None


def _save_backward(ctx, inputs, output):
    dy, y, x, scale, ctx.has_noise, *ctx.options = inputs
    ctx.save_for_backward(dy, y, x, scale)


def _double_backward(ctx, g_dx, g_scale, g_noise, g_b):
    """The backward is linear in dy, and in x and scale for its part: the slope itself is constant in pieces."""
    dy, y, x, scale = ctx.saved_tensors
    options = (1, "lrelu", *ctx.options)
    dz = bias_act_backward(dy, y, None, *options)
    g_dz = g_dx if scale is None else g_dx * scale[:, :, None, None]
    g_dz = g_dz + g_b[:, None, None]
    if ctx.has_noise:
        g_dz = g_dz + g_noise
    d_x = d_scale = None
    if scale is not None:
        g_dz = g_dz + g_scale[:, :, None, None] * x
        d_x = g_scale[:, :, None, None] * dz
        d_scale = (g_dx * dz).sum(dim=[2, 3])
    return bias_act_backward(g_dz, y, None, *options), None, d_x, d_scale, None, None, None, None


_synthesis_epilogue = differentiable("synthesis_epilogue", save=_save, backward=_backward)
_synthesis_epilogue_backward = differentiable(
    "synthesis_epilogue_backward", save=_save_backward, backward=_double_backward
)
