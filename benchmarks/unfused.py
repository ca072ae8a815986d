"""The networks by the book: weights for each sample, zeros inserted, one operator after another. What the ops are for.

Only benchmarks use this; tests/benchmarks holds that it gives the same pictures.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from networks import stylegan2_generator
from networks.interface import Noise
from networks.stylegan2_generator import SynthesisLayer, ToRGB
from torch_utils.ops import upfirdn2d_plain as plain_module
from torch_utils.ops.bias_act import bias_act
from torch_utils.ops.conv2d_resample import conv2d_resample


def zero_insertion(x: Tensor, f: Tensor, up, down, padding, flip: bool, gain: float) -> Tensor:
    """upfirdn2d as it is defined: insert zeros, pad, filter, drop pixels."""
    f = f if f.ndim == 2 else torch.outer(f, f)
    spread = x.new_zeros(*x.shape[:2], x.shape[2] * up[1], x.shape[3] * up[0])
    spread[:, :, :: up[1], :: up[0]] = x
    padded = F.pad(spread, list(padding))
    kernel = (f if flip else f.flip([0, 1])).to(x.dtype) * gain
    filtered = F.conv2d(padded, kernel.expand(x.shape[1], 1, *f.shape), groups=x.shape[1])
    return filtered[:, :, :: down[1], :: down[0]].contiguous()


def modulated(x: Tensor, weight: Tensor, styles: Tensor, f: Tensor | None, *, up: int, demodulate: bool) -> Tensor:
    """Modulated convolution by weights of each sample, all in one grouped convolution."""
    count, channels, height, width = x.shape
    weights = weight * styles[:, None, :, None, None]  # [N, O, I, k, k]
    if demodulate:
        weights = weights * (weights.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    y = conv2d_resample(
        x.reshape(1, count * channels, height, width),
        weights.flatten(0, 1),
        f,
        up=up,
        padding=weight.shape[2] // 2,
        groups=count,
        correlate=up == 1,
    )
    return y.reshape(count, -1, *y.shape[2:])


def _layer(self: SynthesisLayer, x: Tensor, w: Tensor, noise: Noise, gain: float = 1.0) -> Tensor:
    x = modulated(x, self.weight, self.affine(w), self.resample_filter, up=self.up, demodulate=True)
    added = self._noise(len(x), x.device, noise)
    if added is not None:
        x = x + added
    clamp = None if self.clamp is None else self.clamp * gain
    return bias_act(x, self.bias, act="lrelu", gain=2**0.5 * gain, clamp=clamp)


def _to_rgb(self: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    x = modulated(x, self.weight, self.affine(w) * self.weight_gain, None, up=1, demodulate=False)
    return bias_act(x, self.bias, clamp=self.clamp)


@contextmanager
def by_the_book() -> Iterator[None]:
    """Inside, networks compute by the book. No compiled ops may be loaded."""
    changes = [
        (stylegan2_generator.SynthesisLayer, "forward", _layer),
        (stylegan2_generator.ToRGB, "forward", _to_rgb),
        (plain_module, "_axes", lambda f: None),
        (plain_module, "_by_convolution", zero_insertion),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, road in changes:
        setattr(owner, name, road)
    try:
        yield
    finally:
        for owner, name, road in before:
            setattr(owner, name, road)
