"""The StyleGAN3 generator: alias-free layers from Fourier features to the picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.checks import check_mapping, check_resolution, check_sizes, check_width, require
from networks.fourier_input import FourierInput
from networks.interface import Generator, ImageSpec, Noise, Precision, compute_dtype
from networks.layers import FullyConnected, demodulation
from networks.mapping import MappingNetwork
from networks.stylegan3_design import LayerPlan, bands
from torch_utils.ops.conv2d_resample import conv2d_resample
from torch_utils.ops.convolution import pixelwise
from torch_utils.ops.filtered_lrelu import filtered_lrelu

_LEAST_CUTOFF = 0.001  # a thousandth of a wave over the picture
_MOST_MARGIN = 256  # pixels


@dataclass(frozen=True, kw_only=True)
class StyleGAN3GeneratorConfig:
    """Size and variant of a StyleGAN3 generator; T: kernel 3, R: kernel 1 and radial filters.

    last_stopband_rel: of the last layers, relative to the picture's limit. margin: pixels kept around the picture.
    lrelu_upsampling: how much finer the grid of the nonlinearity is. filters: "binomial" are [1,3,3,1], for comparison.
    """

    kind: Literal["stylegan3"] = "stylegan3"
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 2
    mapping_lr_multiplier: float = 0.01
    w_mean_decay: float = 0.998
    kernel_size: Literal[1, 3] = 3
    radial_filters: bool = False
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2.0**2.1
    last_stopband_rel: float = 2.0**0.3
    margin: int = 10
    output_scale: float = 0.25
    filter_taps: int = 6
    filters: Literal["designed", "binomial"] = "designed"
    lrelu_upsampling: int = 2
    magnitude_decay: float = 0.999
    clamp: float | None = None  # bound on activations; presets set it where half precision is used
    precision: Precision = "fp32"
    num_low_precision_res: int = 4

    def __post_init__(self):
        check_mapping(self)
        check_sizes("generator", self, "channel_base", "channel_max", "filter_taps")
        decay = self.magnitude_decay
        require(0 <= decay <= 1, "generator.magnitude_decay", decay, "Use a number from 0 to 1.")
        critical = self.num_critical
        enough = 0 <= critical < self.num_layers
        require(enough, "generator.num_critical", critical, "Use 0 or more, below generator.num_layers.")
        require(self.lrelu_upsampling in (1, 2, 4), "generator.lrelu_upsampling", self.lrelu_upsampling, "Use 1, 2, 4.")
        require(0 <= self.margin <= _MOST_MARGIN, "generator.margin", self.margin, f"Use 0 to {_MOST_MARGIN}.")
        require(
            _LEAST_CUTOFF <= self.first_cutoff < self.first_stopband,
            "generator.first_cutoff",
            self.first_cutoff,
            f"Use a number from {_LEAST_CUTOFF} on, below generator.first_stopband ({self.first_stopband:g}).",
        )
        stopband = self.last_stopband_rel
        require(
            stopband > 1, "generator.last_stopband_rel", stopband, "Use a number above 1: it begins behind the cutoff."
        )

    def build(self, image_spec: ImageSpec) -> "StyleGAN3Generator":
        """A freshly initialised generator for these pictures."""
        return StyleGAN3Generator(self, image_spec)

    def plans(self, image_spec: ImageSpec) -> list[LayerPlan]:
        """The layers for these pictures, the one that makes colours last: [num_layers + 1].

        Raises:
            ConfigError: the pictures have no such frequencies, or no feature maps are left.
        """
        limit = image_spec.resolution / 2
        remedy = f"Use a number below {limit:g}, the highest frequency of {image_spec.resolution} pixels."
        require(self.first_cutoff < limit, "generator.first_cutoff", self.first_cutoff, remedy)
        last = limit * self.last_stopband_rel
        remedy = f"Use a number up to {last:g}, where the last layers' begins."
        require(self.first_stopband <= last, "generator.first_stopband", self.first_stopband, remedy)
        check_width("generator", self.channel_base, image_spec.resolution)
        after = bands(
            image_spec.resolution,
            num_layers=self.num_layers,
            num_critical=self.num_critical,
            first_cutoff=self.first_cutoff,
            first_stopband=self.first_stopband,
            last_stopband_rel=self.last_stopband_rel,
            margin=self.margin,
            channel_base=self.channel_base,
            channel_max=self.channel_max,
            image_channels=image_spec.channels,
        )
        return [self._plan(i, after[max(i - 1, 0)], after[i]) for i in range(self.num_layers + 1)]

    def _plan(self, index: int, before, after) -> LayerPlan:
        to_rgb = index == self.num_layers
        return LayerPlan(
            before=before,
            after=after,
            critical=index >= self.num_layers - self.num_critical,
            to_rgb=to_rgb,
            kernel_size=1 if to_rgb else self.kernel_size,
            fine_rate=max(before.rate, after.rate) * (1 if to_rgb else self.lrelu_upsampling),
            filter_taps=self.filter_taps,
            binomial=self.filters == "binomial",
            radial=self.radial_filters,
        )


class AliasFreeLayer(nn.Module):
    """Modulated convolution, then the leaky ReLU on a finer grid; the last one makes colours and has none."""

    magnitude: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, plan: LayerPlan, *, w_dim: int, clamp: float | None):
        super().__init__()
        self.plan, self.clamp, self.padding = plan, clamp, plan.padding()
        channels, size = plan.before.channels, plan.kernel_size
        self.affine = FullyConnected(w_dim, channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(plan.after.channels, channels, size, size))
        self.bias = nn.Parameter(torch.zeros(plan.after.channels))
        self.register_buffer("magnitude", torch.ones([]))  # running mean square of what comes in
        self.register_buffer("up_filter", plan.up_filter(), persistent=False)
        self.register_buffer("down_filter", plan.down_filter(), persistent=False)

    def forward(self, x: Tensor, w: Tensor, magnitude: Tensor) -> Tensor:
        """x [N, in, size, size], w [N, w_dim], magnitude: mean square x is taken to have → [N, out, size', size']."""
        x = self._convolve(x, self.affine(w), magnitude.rsqrt())
        return filtered_lrelu(
            x,
            self.bias.to(x.dtype),
            fu=self.up_filter,
            fd=self.down_filter,
            up=self.plan.up,
            down=self.plan.down,
            padding=self.padding,
            slope=1.0 if self.plan.to_rgb else 0.2,
            gain=1.0 if self.plan.to_rgb else 2**0.5,
            clamp=self.clamp,
        )

    def _convolve(self, x: Tensor, styles: Tensor, gain: Tensor) -> Tensor:
        """Full convolution with the styles' weights; per-sample weights for single pixels, scaled activations else."""
        size = self.plan.kernel_size
        if self.plan.to_rgb:
            weight, scale = self.weight, torch.ones_like(styles[:, :1]) / self.plan.before.channels**0.5
        else:
            weight, styles, scale = demodulation(self.weight, styles, x.dtype)
        scale = scale * gain.to(scale.dtype)  # [N, out or 1]
        if size == 1:
            weights = weight.flatten(1) * styles[:, None] * scale[:, :, None]  # [N, out, in]
            return pixelwise(x, weights.to(x.dtype))
        x = x * styles.to(x.dtype)[:, :, None, None]
        x = conv2d_resample(x, weight.to(x.dtype), padding=size - 1)
        return x * scale.to(x.dtype)[:, :, None, None]


class StyleGAN3Generator(Generator):
    """Karras et al. 2021: what it draws moves with its input, without sticking to pixels."""

    def __init__(self, config: StyleGAN3GeneratorConfig, image_spec: ImageSpec):
        super().__init__()
        check_resolution(image_spec.resolution)
        self.config, self.image_spec, self.z_dim = config, image_spec, config.z_dim
        plans = config.plans(image_spec)
        first = plans[0].before
        self.input = FourierInput(
            first.channels, w_dim=config.w_dim, size=first.size, rate=first.rate, bandwidth=first.cutoff
        )
        self.layers = nn.ModuleList(AliasFreeLayer(plan, w_dim=config.w_dim, clamp=config.clamp) for plan in plans)
        self.mapping = MappingNetwork(
            z_dim=config.z_dim,
            label_dim=image_spec.label_dim,
            w_dim=config.w_dim,
            num_ws=len(plans) + 1,
            num_layers=config.mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    def _layers(self) -> list[AliasFreeLayer]:
        return [layer for layer in self.layers if isinstance(layer, AliasFreeLayer)]

    def synthesis(self, ws: Tensor, noise: Noise | None = None, *, force_fp32: bool = False) -> Tensor:
        """Styles [N, num_ws, w_dim] → float32 pictures [N, C, R, R]; there are no noise inputs."""
        return self._draw(ws, force_fp32=force_fp32, seen=None)

    def observed(self, ws: Tensor, noise: Noise) -> tuple[Tensor, Tensor | None]:
        """Pictures, and each layer's mean square of what came in, [layers]: what `track` follows."""
        seen: list[Tensor] = []
        images = self._draw(ws, force_fp32=False, seen=seen)
        return images, torch.stack(seen)

    def track(self, seen: Tensor) -> None:
        """Move the layers' running magnitudes towards a batch's, [layers]."""
        with torch.no_grad():
            for layer, value in zip(self._layers(), seen, strict=True):
                layer.magnitude.copy_(self._moved(layer, value))

    def _moved(self, layer: AliasFreeLayer, value: Tensor) -> Tensor:
        return value.lerp(layer.magnitude, self.config.magnitude_decay)

    def _draw(self, ws: Tensor, *, force_fp32: bool, seen: list[Tensor] | None) -> Tensor:
        styles = ws.unbind(1)
        x = self.input(styles[0])
        for layer, w in zip(self._layers(), styles[1:], strict=True):
            x = x.to(torch.float32 if force_fp32 else self._dtype(layer, ws.device))
            magnitude = layer.magnitude
            if seen is not None:  # the running mean that already holds this batch
                seen.append(x.detach().float().square().mean())
                magnitude = self._moved(layer, seen[-1])
            x = layer(x, w, magnitude)
        return x.float() * self.config.output_scale

    def _dtype(self, layer: AliasFreeLayer, device: torch.device) -> torch.dtype:
        config = self.config
        rate, top = layer.plan.after.rate, self.image_spec.resolution
        return compute_dtype(config.precision, rate, top, config.num_low_precision_res, device)

    @contextmanager
    def transformed(self, matrix: Tensor) -> Iterator[None]:
        """Move what is drawn by `matrix`, [3, 3], in units of the picture's side, while the block runs."""
        kept = self.input.transform.clone()
        self.input.transform.copy_(torch.linalg.inv(matrix.double()).to(kept))
        try:
            yield
        finally:
            self.input.transform.copy_(kept)
