"""The StyleGAN1 generator: convolutions whose outputs are normalised and restyled, grown from 4x4 up."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.checks import check_mapping, check_resolution, check_sizes, check_width
from networks.growth import Growing, enlarge
from networks.interface import Generator, ImageSpec, Noise, Precision, compute_dtype
from networks.layers import Conv, FullyConnected, channels_at, resolutions_up_to
from networks.stylegan1_layers import BLUR_TAPS, BOX_TAPS, HE_GAIN, SLOPE
from networks.stylegan1_mapping import StyleGAN1Mapping
from torch_utils.ops.bias_act import bias_act
from torch_utils.ops.instance_norm import adaptive_instance_norm
from torch_utils.ops.upfirdn2d import filter2d, setup_filter

_LAYERS_PER_BLOCK = 2


@dataclass(frozen=True, kw_only=True)
class StyleGAN1GeneratorConfig:
    """Size of a StyleGAN1 generator; the defaults are the paper's."""

    kind: Literal["stylegan1"] = "stylegan1"
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    w_mean_decay: float = 0.995
    channel_base: int = 16384
    channel_max: int = 512
    clamp: float | None = None  # bound on activations; presets set it where half precision is used
    precision: Precision = "fp32"
    num_low_precision_res: int = 4

    def __post_init__(self):
        check_mapping(self)
        check_sizes("generator", self, "channel_base", "channel_max")

    def build(self, image_spec: ImageSpec) -> "StyleGAN1Generator":
        """A freshly initialised generator for these pictures."""
        return StyleGAN1Generator(self, image_spec)


class SynthesisLayer(nn.Module):
    """3x3 convolution (and blur, where it enlarges), noise, bias, leaky ReLU, normalisation, style.

    Args:
        in_channels: None for the layer that starts from the constant: it has no convolution.
        up: 2 to enlarge before the convolution.
    """

    blur: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        up: int = 1,
        clamp: float | None = None,
    ):
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.conv = (
            None if in_channels is None else Conv(in_channels, out_channels, 3, up=up, bias=False, taps=BOX_TAPS)
        )
        self.noise_weight = nn.Parameter(torch.zeros(out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = FullyConnected(w_dim, 2 * out_channels)
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("blur", setup_filter(BLUR_TAPS), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """x [N, in, R/up, R/up], w [N, w_dim] → [N, out, R, R]."""
        if self.conv is not None:
            x = self.conv(x, gain=HE_GAIN)
        if self.up > 1:
            x = filter2d(x, self.blur)
        if noise.mode != "none":
            drawn = self.noise_const if noise.mode == "const" else noise.draw(len(x), self.resolution, x.device)
            x = torch.addcmul(x, drawn.to(x.dtype), self.noise_weight.to(x.dtype)[:, None, None])
        x = bias_act(x, self.bias.to(x.dtype), act="lrelu", alpha=SLOPE, gain=1, clamp=self.clamp)
        scale, shift = self.affine(w).chunk(2, dim=1)
        return adaptive_instance_norm(x, scale, shift)


class SynthesisBlock(nn.Module):
    """Both layers of one resolution, and its own way to the picture."""

    def __init__(self, config: StyleGAN1GeneratorConfig, spec: ImageSpec, resolution: int):
        super().__init__()
        out_channels = channels_at(resolution, config.channel_base, config.channel_max)
        in_channels = channels_at(resolution // 2, config.channel_base, config.channel_max)
        common = {"w_dim": config.w_dim, "resolution": resolution, "clamp": config.clamp}
        self.first = resolution == 4
        self.dtype_of = lambda device: compute_dtype(
            config.precision, resolution, spec.resolution, config.num_low_precision_res, device
        )
        if self.first:
            self.const = nn.Parameter(torch.ones(out_channels, 4, 4))
            self.layer0 = SynthesisLayer(None, out_channels, **common)
        else:
            self.layer0 = SynthesisLayer(in_channels, out_channels, up=2, **common)
        self.layer1 = SynthesisLayer(out_channels, out_channels, **common)
        self.torgb = Conv(out_channels, spec.channels, 1)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Noise, dtype: torch.dtype) -> Tensor:
        """x [N, in, R/2, R/2] or None at 4x4, ws [N, 2, w_dim] → [N, out, R, R]."""
        if x is None:
            x = self.const.expand(len(ws), -1, -1, -1)
        w0, w1 = ws.unbind(1)
        return self.layer1(self.layer0(x.to(dtype), w0, noise), w1, noise)

    def picture(self, x: Tensor) -> Tensor:
        """Features of this resolution → pictures of it, float32."""
        return self.torgb(x).float()


class StyleGAN1Generator(Growing, Generator):
    """Karras et al. 2019: a style for each layer by adaptive instance normalisation; grows with its discriminator."""

    def __init__(self, config: StyleGAN1GeneratorConfig, image_spec: ImageSpec):
        super().__init__()
        check_resolution(image_spec.resolution)
        check_width("generator", config.channel_base, image_spec.resolution)
        self.config, self.image_spec, self.z_dim = config, image_spec, config.z_dim
        resolutions = resolutions_up_to(image_spec.resolution)
        # Named by resolution: a smaller network's layers are found under the same names.
        self.blocks = nn.ModuleDict({str(size): SynthesisBlock(config, image_spec, size) for size in resolutions})
        self.num_ws = _LAYERS_PER_BLOCK * len(resolutions)
        self.mapping = StyleGAN1Mapping(
            z_dim=config.z_dim,
            label_dim=image_spec.label_dim,
            w_dim=config.w_dim,
            num_ws=self.num_ws,
            num_layers=config.mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    @property
    def active_ws(self) -> int:
        """Styles of the blocks that take part."""
        return _LAYERS_PER_BLOCK * len(self._active_blocks())

    def _active_blocks(self) -> list[SynthesisBlock]:
        sizes = resolutions_up_to(self.stage().resolution)
        blocks = [self.blocks[str(size)] for size in sizes]
        return [block for block in blocks if isinstance(block, SynthesisBlock)]

    def synthesis(self, ws: Tensor, noise: Noise, *, force_fp32: bool = False) -> Tensor:
        """Styles [N, num_ws, w_dim], of which the first `active_ws` count → float32 pictures [N, C, R, R]."""
        _, scale, old_share = self.stage()
        blocks = self._active_blocks()
        x = before = None
        for block, styles in zip(blocks, ws.split(_LAYERS_PER_BLOCK, dim=1), strict=False):
            dtype = torch.float32 if force_fp32 else block.dtype_of(ws.device)
            x, before = block(x, styles, noise, dtype), x
        assert x is not None
        pictures = blocks[-1].picture(x)
        if old_share:
            assert before is not None
            pictures = pictures.lerp(enlarge(blocks[-2].picture(before), 2), old_share)
        return enlarge(pictures, scale)
