"""The StyleGAN2 generator: modulated convolutions from a learned 4x4 constant up to the picture."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.checks import check_mapping, check_resolution, check_sizes, check_width
from networks.interface import Generator, ImageSpec, Noise, Precision, compute_dtype
from networks.layers import (
    RESAMPLE_TAPS,
    Conv,
    FullyConnected,
    channels_at,
    demodulation,
    resolutions_up_to,
)
from networks.mapping import MappingNetwork
from torch_utils.ops.bias_act import bias_act
from torch_utils.ops.conv2d_resample import conv2d_resample
from torch_utils.ops.convolution import pixelwise
from torch_utils.ops.synthesis_epilogue import synthesis_epilogue
from torch_utils.ops.upfirdn2d import setup_filter, upsample2d

Architecture = Literal["skip", "resnet", "orig"]


@dataclass(frozen=True, kw_only=True)
class StyleGAN2GeneratorConfig:
    """Size and variant of a StyleGAN2 generator."""

    kind: Literal["stylegan2"] = "stylegan2"
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    w_mean_decay: float = 0.995
    architecture: Architecture = "skip"
    channel_base: int = 32768
    channel_max: int = 512
    noise_inputs: bool = True
    clamp: float | None = None  # bound on activations; presets set it where half precision is used
    precision: Precision = "fp32"
    num_low_precision_res: int = 4

    def __post_init__(self):
        check_mapping(self)
        check_sizes("generator", self, "channel_base", "channel_max")

    def build(self, image_spec: ImageSpec) -> "StyleGAN2Generator":
        """A freshly initialised generator for these pictures."""
        return StyleGAN2Generator(self, image_spec)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        up: int = 1,
        noise_inputs: bool = True,
        clamp: float | None = None,
    ):
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", setup_filter(RESAMPLE_TAPS), persistent=False)
        self.noise_strength = nn.Parameter(torch.zeros([])) if noise_inputs else None
        if noise_inputs:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, w: Tensor, noise: Noise, gain: float = 1.0) -> Tensor:
        """x [N, in, R/up, R/up], w [N, w_dim] → [N, out, R, R]."""
        weight, styles, scale = demodulation(self.weight, self.affine(w), x.dtype)
        x = x * styles.to(x.dtype)[:, :, None, None]
        # With `up` the kernel is turned, which makes the transposed convolution a plain one: the public layout.
        x = conv2d_resample(x, weight.to(x.dtype), self.resample_filter, up=self.up, padding=1, correlate=self.up == 1)
        noise_input = self._noise(len(x), x.device, noise)
        noise_input = None if noise_input is None else noise_input.to(x.dtype)
        clamp = None if self.clamp is None else self.clamp * gain
        return synthesis_epilogue(x, scale, noise_input, self.bias.to(x.dtype), gain=2**0.5 * gain, clamp=clamp)

    def _noise(self, batch: int, device: torch.device, noise: Noise) -> Tensor | None:
        if self.noise_strength is None or noise.mode == "none":
            return None
        drawn = self.noise_const[None, None] if noise.mode == "const" else noise.draw(batch, self.resolution, device)
        return drawn * self.noise_strength


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to picture channels, without demodulation."""

    def __init__(self, in_channels: int, out_channels: int, *, w_dim: int, clamp: float | None = None):
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / in_channels**0.5

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, in, R, R], w [N, w_dim] → [N, out, R, R]."""
        weights = self.weight.flatten(1) * (self.affine(w) * self.weight_gain)[:, None]  # [N, out, in]
        x = pixelwise(x, weights.to(x.dtype))
        return bias_act(x, self.bias.to(x.dtype), clamp=self.clamp)


class SynthesisBlock(nn.Module):
    """All layers of one resolution."""

    resample_filter: Tensor

    def __init__(self, config: StyleGAN2GeneratorConfig, spec: ImageSpec, resolution: int):
        super().__init__()
        out_channels = channels_at(resolution, config.channel_base, config.channel_max)
        in_channels = channels_at(resolution // 2, config.channel_base, config.channel_max)
        common = {
            "w_dim": config.w_dim,
            "resolution": resolution,
            "noise_inputs": config.noise_inputs,
            "clamp": config.clamp,
        }
        self.first = resolution == 4
        self.residual = config.architecture == "resnet" and not self.first
        self.dtype_of = lambda device: compute_dtype(
            config.precision, resolution, spec.resolution, config.num_low_precision_res, device
        )
        if self.first:
            self.const = nn.Parameter(torch.randn(out_channels, 4, 4))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, up=2, **common)
        self.conv1 = SynthesisLayer(out_channels, out_channels, **common)
        last = resolution == spec.resolution
        self.torgb = (
            ToRGB(out_channels, spec.channels, w_dim=config.w_dim, clamp=config.clamp)
            if last or config.architecture == "skip"
            else None
        )
        self.skip = Conv(in_channels, out_channels, 1, up=2, bias=False) if self.residual else None
        self.register_buffer("resample_filter", setup_filter(RESAMPLE_TAPS), persistent=False)
        self.num_convs = 1 if self.first else 2

    def forward(self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise, dtype: torch.dtype):
        """x [N, in, R/2, R/2] or None at 4x4, image so far or None, ws [N, num_convs + 1, w_dim] → (x, image)."""
        styles = ws.unbind(1)
        if self.first:
            x = self.const.to(dtype).expand(len(ws), -1, -1, -1)
            x = self.conv1(x, styles[0], noise)
        elif self.residual:
            assert x is not None and self.skip is not None
            x = x.to(dtype)
            straight = self.skip(x, gain=0.5**0.5)
            x = self.conv1(self.conv0(x, styles[0], noise), styles[1], noise, gain=0.5**0.5)
            x = straight + x
        else:
            assert x is not None
            x = self.conv1(self.conv0(x.to(dtype), styles[0], noise), styles[1], noise)
        if image is not None:
            image = upsample2d(image, self.resample_filter)
        if self.torgb is not None:
            rgb = self.torgb(x, styles[self.num_convs]).float()
            image = rgb if image is None else image + rgb
        return x, image


class StyleGAN2Generator(Generator):
    """Karras et al. 2020: weight demodulation, skip (default), residual or plain road to the picture."""

    def __init__(self, config: StyleGAN2GeneratorConfig, image_spec: ImageSpec):
        super().__init__()
        check_resolution(image_spec.resolution)
        check_width("generator", config.channel_base, image_spec.resolution)
        self.config, self.image_spec, self.z_dim = config, image_spec, config.z_dim
        self.blocks = nn.ModuleList(
            SynthesisBlock(config, image_spec, resolution) for resolution in resolutions_up_to(image_spec.resolution)
        )
        self.num_ws = sum(block.num_convs for block in self._blocks()) + 1
        self.mapping = MappingNetwork(
            z_dim=config.z_dim,
            label_dim=image_spec.label_dim,
            w_dim=config.w_dim,
            num_ws=self.num_ws,
            num_layers=config.mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    def _blocks(self) -> list[SynthesisBlock]:
        return [block for block in self.blocks if isinstance(block, SynthesisBlock)]

    def synthesis(self, ws: Tensor, noise: Noise, *, force_fp32: bool = False) -> Tensor:
        """Styles [N, num_ws, w_dim] → float32 pictures [N, C, R, R]."""
        x, image, start = None, None, 0
        for block in self._blocks():
            # A block's last style serves its ToRGB and, again, the next block's first convolution.
            part = ws[:, start : start + block.num_convs + 1]
            dtype = torch.float32 if force_fp32 else block.dtype_of(ws.device)
            x, image = block(x, image, part, noise, dtype)
            start += block.num_convs
        assert image is not None
        return image
