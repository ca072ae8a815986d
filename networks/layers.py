"""Layers the StyleGAN networks share: equalised learning rate, modulated convolution, minibatch deviation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torch_utils.ops.bias_act import bias_act
from torch_utils.ops.conv2d_resample import conv2d_resample
from torch_utils.ops.upfirdn2d import setup_filter

RESAMPLE_TAPS = (1, 3, 3, 1)  # Karras et al. 2020, StyleGAN2
_EPSILON = 1e-8


def normalize_second_moment(x: Tensor) -> Tensor:
    """Scale each row of [N, features] to a mean square of 1."""
    return x * (x.square().mean(dim=1, keepdim=True) + _EPSILON).rsqrt()


class FullyConnected(nn.Module):
    """Linear layer whose weights are N(0, 1) and scaled at run time (Karras et al. 2018, equalised learning rate).

    lr_multiplier slows its training down: weights are stored larger by its inverse and scaled back here.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        act: str = "linear",
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ):
        super().__init__()
        self.act = act
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / in_features**0.5
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_features] → [N, out_features]."""
        weight, bias = self.weight.to(x.dtype).t(), self.bias.to(x.dtype)
        if self.act == "linear":
            return torch.addmm(bias, x, weight, beta=self.bias_gain, alpha=self.weight_gain)
        return bias_act(x @ (weight * self.weight_gain), bias * self.bias_gain, act=self.act)


class Conv(nn.Module):
    """Convolution with equalised learning rate, optional resampling (filtered by `taps`), bias and activation."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        up: int = 1,
        down: int = 1,
        bias: bool = True,
        act: str = "linear",
        clamp: float | None = None,
        taps: Sequence[float] = RESAMPLE_TAPS,
    ):
        super().__init__()
        self.up, self.down, self.act, self.clamp = up, down, act, clamp
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain = 1 / (in_channels * kernel_size**2) ** 0.5
        self.padding = kernel_size // 2
        self.register_buffer("resample_filter", setup_filter(taps), persistent=False)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """[N, in, H, W] → [N, out, H·up/down, W·up/down]; `gain` and the clamp act after the activation."""
        act_gain = (2**0.5 if self.act == "lrelu" else 1.0) * gain
        clamp = None if self.clamp is None else self.clamp * gain
        only_convolves = self.bias is None and self.act == "linear" and clamp is None
        w = (self.weight * (self.weight_gain * act_gain if only_convolves else self.weight_gain)).to(x.dtype)
        # With `up` the kernel is turned, which makes the transposed convolution a plain one: the public layout.
        x = conv2d_resample(
            x, w, self.resample_filter, up=self.up, down=self.down, padding=self.padding, correlate=self.up == 1
        )
        if only_convolves:
            return x
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return bias_act(x, bias, act=self.act, gain=act_gain, clamp=clamp)


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    noise: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    resample_filter: Tensor | None = None,
    demodulate: bool = True,
    correlate: bool = True,
) -> Tensor:
    """Convolution whose input channels each sample scales by its own styles.

    The samples share one convolution: styles scale the input, demodulation the output. That equals scaling the
    weights per sample, and is faster at small resolutions (docs/decisions/0002).

    Args:
        x: [N, I, H, W].
        weight: [O, I, k, k].
        styles: [N, I].
        noise: added after demodulation, broadcast to [N, O, H', W'].
        demodulate: divide each output channel by its expected deviation.
    Source: Karras et al. 2020 (StyleGAN2), section 2.2.
    """
    scale = None
    if demodulate:
        weight, styles, scale = demodulation(weight, styles, x.dtype)
    x = x * styles.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(x, weight.to(x.dtype), resample_filter, up=up, down=down, padding=padding, correlate=correlate)
    if scale is None:
        return x if noise is None else x + noise.to(x.dtype)
    scale = scale[:, :, None, None]
    return x * scale if noise is None else torch.addcmul(noise.to(x.dtype), x, scale)


def demodulation(weight: Tensor, styles: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Factors of the output channels that undo what styles and weights do to the expected deviation.

    Args:
        weight: [O, I, k, k].
        styles: [N, I].
        dtype: what the convolution computes in.
    Returns:
        weight and styles, in fp16 brought down to where their squares stay in range (demodulation cancels both
        factors), and the factors [N, O] in `dtype`.
    """
    if dtype == torch.float16:
        norm = weight.abs().amax(dim=[1, 2, 3], keepdim=True) * weight[0].numel() ** 0.5
        weight = weight / norm
        styles = styles / styles.abs().amax(dim=1, keepdim=True)
    wide = torch.promote_types(dtype, torch.float32)  # squares would overflow in half precision
    # A product with ones sums nine numbers several times faster than a reduction over so short a dimension.
    squares = weight.to(wide).square().flatten(2)  # [O, I, k·k]
    energy = styles.to(wide).square() @ (squares @ squares.new_ones(squares.shape[2])).t()  # [N, O]
    return weight, styles, (energy + _EPSILON).rsqrt().to(dtype)


class MinibatchDeviation(nn.Module):
    """Append the deviation within groups of the batch as extra channels (Karras et al. 2018).

    A batch of N is cut into groups of `group_size`; members are strided: sample n belongs to group n mod (N / size).
    """

    def __init__(self, group_size: int | None, num_channels: int = 1):
        super().__init__()
        self.group_size, self.num_channels = group_size, num_channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C + num_channels, H, W]; N must be a multiple of the group size or below it."""
        count, channels, height, width = x.shape
        group = min(self.group_size or count, count)
        features = self.num_channels
        y = x.reshape(group, -1, features, channels // features, height, width)
        variance = (y - y.mean(dim=0)).square().mean(dim=0)  # several times as fast as torch's own on CPU
        deviation = (variance + _EPSILON).sqrt()  # [groups, F, c, H, W]
        y = deviation.mean(dim=[2, 3, 4])  # [groups, F]
        y = y[:, :, None, None].repeat(group, 1, height, width)
        return torch.cat([x, y], dim=1)


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps at a resolution."""
    return min(channel_base // resolution, channel_max)


def resolutions_up_to(resolution: int) -> list[int]:
    """4, 8, …, resolution."""
    return [2**power for power in range(2, resolution.bit_length())]


__all__ = [
    "RESAMPLE_TAPS",
    "Conv",
    "FullyConnected",
    "MinibatchDeviation",
    "channels_at",
    "demodulation",
    "modulated_conv2d",
    "normalize_second_moment",
    "resolutions_up_to",
]
