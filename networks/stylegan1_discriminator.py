"""The StyleGAN1 discriminator: plain convolutions down to 4x4, grown with its generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.checks import check_resolution, check_sizes, check_width, require
from networks.growth import Growing, shrink
from networks.interface import Discriminator, ImageSpec, Precision, compute_dtype
from networks.layers import Conv, FullyConnected, MinibatchDeviation, channels_at, resolutions_up_to
from networks.stylegan1_layers import BLUR_TAPS, BOX_TAPS, HE_GAIN, SLOPE, HeLinear
from torch_utils.ops.bias_act import bias_act
from torch_utils.ops.upfirdn2d import filter2d, setup_filter


@dataclass(frozen=True, kw_only=True)
class StyleGAN1DiscriminatorConfig:
    """Size of a StyleGAN1 discriminator; the defaults are the paper's."""

    kind: Literal["stylegan1"] = "stylegan1"
    channel_base: int = 16384
    channel_max: int = 512
    minibatch_group: int = 4
    minibatch_channels: int = 1  # 0 switches the minibatch deviation off
    clamp: float | None = None  # bound on activations; presets set it where half precision is used
    precision: Precision = "fp32"
    num_low_precision_res: int = 4

    def __post_init__(self):
        check_sizes("discriminator", self, "channel_base", "channel_max", "minibatch_group")
        require(
            self.minibatch_channels >= 0, "discriminator.minibatch_channels", self.minibatch_channels, "Use 0 or more."
        )

    def build(self, image_spec: ImageSpec) -> "StyleGAN1Discriminator":
        """A freshly initialised discriminator for these pictures."""
        return StyleGAN1Discriminator(self, image_spec)


class DiscriminatorLayer(nn.Module):
    """Convolution, bias, leaky ReLU; with `down` 2 it blurs first, and averages squares of pixels before the bias."""

    blur: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, down: int = 1, clamp: float | None = None
    ):
        super().__init__()
        self.down, self.clamp = down, clamp
        self.conv = Conv(in_channels, out_channels, kernel_size, down=down, bias=False, taps=BOX_TAPS)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("blur", setup_filter(BLUR_TAPS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, R, R] → [N, out, R/down, R/down]."""
        if self.down > 1:
            x = filter2d(x, self.blur)
        x = self.conv(x, gain=HE_GAIN)
        return bias_act(x, self.bias.to(x.dtype), act="lrelu", alpha=SLOPE, gain=1, clamp=self.clamp)


class DiscriminatorBlock(nn.Module):
    """Both layers of one resolution above 4x4, and its own way in from the picture."""

    def __init__(self, config: StyleGAN1DiscriminatorConfig, spec: ImageSpec, resolution: int):
        super().__init__()
        channels = channels_at(resolution, config.channel_base, config.channel_max)
        out_channels = channels_at(resolution // 2, config.channel_base, config.channel_max)
        self.dtype_of = lambda device: compute_dtype(
            config.precision, resolution, spec.resolution, config.num_low_precision_res, device
        )
        self.fromrgb = DiscriminatorLayer(spec.channels, channels, 1, clamp=config.clamp)
        self.conv0 = DiscriminatorLayer(channels, channels, 3, clamp=config.clamp)
        self.conv1 = DiscriminatorLayer(channels, out_channels, 3, down=2, clamp=config.clamp)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, R, R] → [N, out, R/2, R/2]."""
        return self.conv1(self.conv0(x))


class FinalBlock(nn.Module):
    """4x4 features → a logit for each column of the labels' code, or one; and its own way in from the picture."""

    def __init__(self, config: StyleGAN1DiscriminatorConfig, spec: ImageSpec):
        super().__init__()
        channels = channels_at(4, config.channel_base, config.channel_max)
        extra = config.minibatch_channels
        self.dtype_of = lambda device: torch.float32
        self.fromrgb = DiscriminatorLayer(spec.channels, channels, 1, clamp=config.clamp)
        self.deviation = MinibatchDeviation(config.minibatch_group, extra) if extra else None
        self.conv = DiscriminatorLayer(channels + extra, channels, 3, clamp=config.clamp)
        self.fc = HeLinear(channels * 16, channels)
        self.out = FullyConnected(channels, spec.label_dim or 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] → [N, label_dim or 1]."""
        if self.deviation is not None:
            x = self.deviation(x)
        return self.out(self.fc(self.conv(x).flatten(1)))


class StyleGAN1Discriminator(Growing, Discriminator):
    """Karras et al. 2019, after Karras et al. 2018; labels choose among outputs (Mescheder et al. 2018)."""

    def __init__(self, config: StyleGAN1DiscriminatorConfig, image_spec: ImageSpec):
        super().__init__()
        check_resolution(image_spec.resolution)
        check_width("discriminator", config.channel_base, image_spec.resolution)
        features, last = config.minibatch_channels, channels_at(4, config.channel_base, config.channel_max)
        require(
            features == 0 or last % features == 0,
            "discriminator.minibatch_channels",
            features,
            f"Use 0 or a divisor of the {last} feature maps at 4x4.",
        )
        self.config, self.image_spec = config, image_spec
        # Named by resolution: a smaller network's layers are found under the same names.
        self.blocks = nn.ModuleDict(
            {
                str(size): DiscriminatorBlock(config, image_spec, size) if size > 4 else FinalBlock(config, image_spec)
                for size in reversed(resolutions_up_to(image_spec.resolution))
            }
        )

    def _block(self, resolution: int) -> DiscriminatorBlock | FinalBlock:
        block = self.blocks[str(resolution)]
        assert isinstance(block, DiscriminatorBlock | FinalBlock)
        return block

    def forward(self, images: Tensor, labels: Tensor | None = None, *, force_fp32: bool = False) -> Tensor:
        """float pictures [N, C, R, R] in [-1, 1], labels [N, label_dim] → logits [N, 1], float32."""
        top, scale, old_share = self.stage()

        def dtype_at(resolution: int) -> torch.dtype:
            return torch.float32 if force_fp32 else self._block(resolution).dtype_of(images.device)

        images = shrink(images, scale)
        x = self._block(top).fromrgb(images.to(dtype_at(top)))
        for resolution in reversed(resolutions_up_to(top)):
            if old_share and resolution == top // 2:
                old = self._block(resolution).fromrgb(shrink(images, 2).to(x.dtype))
                x = x.lerp(old, old_share)
            x = self._block(resolution)(x.to(dtype_at(resolution)))
        if not self.image_spec.label_dim:
            return x
        assert labels is not None
        return (x * labels).sum(dim=1, keepdim=True)

    def stages(self) -> Sequence[nn.Module]:
        """Layers from the picture inwards; the layers of all resolutions that read the picture count as one."""
        blocks = [self._block(size) for size in reversed(resolutions_up_to(self.image_spec.resolution))]
        inward = [child for block in blocks for name, child in block.named_children() if name != "fromrgb"]
        return [
            nn.ModuleList([block.fromrgb for block in blocks]),
            *[layer for layer in inward if list(layer.parameters())],
        ]
