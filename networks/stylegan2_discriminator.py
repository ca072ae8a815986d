"""The StyleGAN2 discriminator: residual (default), skip or plain, with projection conditioning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.checks import check_resolution, check_sizes, check_width, require
from networks.interface import Discriminator, ImageSpec, Precision, compute_dtype
from networks.layers import (
    RESAMPLE_TAPS,
    Conv,
    FullyConnected,
    MinibatchDeviation,
    channels_at,
    resolutions_up_to,
)
from networks.mapping import MappingNetwork
from torch_utils.ops.upfirdn2d import downsample2d, setup_filter

Architecture = Literal["resnet", "skip", "orig"]
_MAPPING_LAYERS = 8


@dataclass(frozen=True, kw_only=True)
class StyleGAN2DiscriminatorConfig:
    """Size and variant of a StyleGAN2 discriminator."""

    kind: Literal["stylegan2"] = "stylegan2"
    architecture: Architecture = "resnet"
    channel_base: int = 32768
    channel_max: int = 512
    label_features: int | None = None  # width of the projection; None: as many as features at 4x4
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

    def build(self, image_spec: ImageSpec) -> "StyleGAN2Discriminator":
        """A freshly initialised discriminator for these pictures."""
        return StyleGAN2Discriminator(self, image_spec)


class DiscriminatorBlock(nn.Module):
    """All layers of one resolution above 4x4; halves the picture."""

    resample_filter: Tensor

    def __init__(self, config: StyleGAN2DiscriminatorConfig, spec: ImageSpec, resolution: int):
        super().__init__()
        channels = channels_at(resolution, config.channel_base, config.channel_max)
        out_channels = channels_at(resolution // 2, config.channel_base, config.channel_max)
        top = resolution == spec.resolution
        self.architecture = config.architecture
        self.dtype_of = lambda device: compute_dtype(
            config.precision, resolution, spec.resolution, config.num_low_precision_res, device
        )
        self.fromrgb = (
            Conv(spec.channels, channels, 1, act="lrelu", clamp=config.clamp)
            if top or config.architecture == "skip"
            else None
        )
        self.conv0 = Conv(channels, channels, 3, act="lrelu", clamp=config.clamp)
        self.conv1 = Conv(channels, out_channels, 3, down=2, act="lrelu", clamp=config.clamp)
        self.skip = Conv(channels, out_channels, 1, down=2, bias=False) if config.architecture == "resnet" else None
        self.register_buffer("resample_filter", setup_filter(RESAMPLE_TAPS), persistent=False)

    def forward(self, x: Tensor | None, image: Tensor | None, dtype: torch.dtype):
        """x [N, in, R, R] (None at the top), image [N, C, R, R] where this block reads it → (x, image), both halved."""
        if self.fromrgb is not None:
            assert image is not None
            image = image.to(dtype)
            rgb = self.fromrgb(image)
            x = rgb if x is None else x.to(dtype) + rgb
            image = downsample2d(image, self.resample_filter) if self.architecture == "skip" else None
        assert x is not None
        x = x.to(dtype)
        if self.skip is None:
            return self.conv1(self.conv0(x)), image
        straight = self.skip(x, gain=0.5**0.5)
        return straight + self.conv1(self.conv0(x), gain=0.5**0.5), image


class DiscriminatorEpilogue(nn.Module):
    """4x4 features → one logit, or its projection on the labels."""

    def __init__(self, config: StyleGAN2DiscriminatorConfig, spec: ImageSpec, label_features: int):
        super().__init__()
        channels = channels_at(4, config.channel_base, config.channel_max)
        self.fromrgb = Conv(spec.channels, channels, 1, act="lrelu") if config.architecture == "skip" else None
        self.deviation = (
            MinibatchDeviation(config.minibatch_group, config.minibatch_channels) if config.minibatch_channels else None
        )
        self.conv = Conv(channels + config.minibatch_channels, channels, 3, act="lrelu", clamp=config.clamp)
        self.fc = FullyConnected(channels * 16, channels, act="lrelu")
        self.out = FullyConnected(channels, label_features or 1)

    def forward(self, x: Tensor, image: Tensor | None, projection: Tensor | None) -> Tensor:
        """x [N, C, 4, 4], projection [N, label_features] or None → logits [N, 1]."""
        x = x.float()
        if self.fromrgb is not None:
            assert image is not None
            x = x + self.fromrgb(image.float())
        if self.deviation is not None:
            x = self.deviation(x)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if projection is None:
            return x
        return (x * projection).sum(dim=1, keepdim=True) / projection.shape[1] ** 0.5


class StyleGAN2Discriminator(Discriminator):
    """Karras et al. 2020; labels enter by projection (Miyato & Koyama 2018)."""

    def __init__(self, config: StyleGAN2DiscriminatorConfig, image_spec: ImageSpec):
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
        label_features = config.label_features or last
        label_features = label_features if image_spec.label_dim else 0
        # Named by resolution, so that a network of another size finds its layers in the right places.
        self.blocks = nn.ModuleDict(
            {
                str(resolution): DiscriminatorBlock(config, image_spec, resolution)
                for resolution in reversed(resolutions_up_to(image_spec.resolution)[1:])
            }
        )
        self.epilogue = DiscriminatorEpilogue(config, image_spec, label_features)
        self.mapping = (
            MappingNetwork(
                z_dim=0,
                label_dim=image_spec.label_dim,
                w_dim=label_features,
                num_ws=1,
                num_layers=_MAPPING_LAYERS,
                tracks_mean=False,
            )
            if image_spec.label_dim
            else None
        )

    def forward(self, images: Tensor, labels: Tensor | None = None, *, force_fp32: bool = False) -> Tensor:
        """float pictures [N, C, R, R] in [-1, 1], labels [N, label_dim] → logits [N, 1], float32."""
        x, image = None, images
        for block in self.blocks.values():
            assert isinstance(block, DiscriminatorBlock)
            dtype = torch.float32 if force_fp32 else block.dtype_of(images.device)
            x, image = block(x, image, dtype)
        assert x is not None
        projection = self.mapping.styles(None, labels) if self.mapping is not None else None
        return self.epilogue(x, image, projection)

    def stages(self) -> Sequence[nn.Module]:
        """Convolutions from the picture inwards."""
        found: list[nn.Module] = []
        for block in self.blocks.values():
            found += [module for _, module in block.named_children() if isinstance(module, Conv)]
        return [*found, *[module for _, module in self.epilogue.named_children() if list(module.parameters())]]
