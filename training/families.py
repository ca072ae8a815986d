"""The networks of each family of presets, from their sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from networks.stylegan1_discriminator import StyleGAN1DiscriminatorConfig
from networks.stylegan1_generator import StyleGAN1GeneratorConfig
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from networks.stylegan3_generator import StyleGAN3GeneratorConfig
from training.config import DiscriminatorConfig, GeneratorConfig

_MAGNITUDE_HALF_LIFE = 20_000  # images (Karras et al. 2021)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a preset says of its networks; d_arch and noise: StyleGAN2's alone. group: of the minibatch deviation."""

    latent: int
    mapping: int
    channel_base: int
    channel_max: int
    group: int
    batch: int
    noise: bool
    d_arch: str
    on_gpu: bool

    def of_generator(self) -> dict[str, Any]:
        """Options that all generators have."""
        return {
            "z_dim": self.latent,
            "w_dim": self.latent,
            "mapping_layers": self.mapping,
            "channel_base": self.channel_base,
            "channel_max": self.channel_max,
            **self._precision(),
        }

    def of_discriminator(self) -> dict[str, Any]:
        """Options that all discriminators have."""
        return {
            "channel_base": self.channel_base,
            "channel_max": self.channel_max,
            "minibatch_group": self.group,
            **self._precision(),
        }

    def _precision(self) -> dict[str, Any]:
        """Half precision, and the clamp that keeps it finite, on GPUs only."""
        return {"precision": "fp16", "clamp": 256.0} if self.on_gpu else {"precision": "fp32", "clamp": None}


def _stylegan1(sizes: Sizes) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    return StyleGAN1GeneratorConfig(**sizes.of_generator()), StyleGAN1DiscriminatorConfig(**sizes.of_discriminator())


def _stylegan2(sizes: Sizes) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    return StyleGAN2GeneratorConfig(noise_inputs=sizes.noise, **sizes.of_generator()), _residual(sizes)


def _stylegan3_t(sizes: Sizes) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    decay = 0.5 ** (sizes.batch / _MAGNITUDE_HALF_LIFE)
    return StyleGAN3GeneratorConfig(magnitude_decay=decay, **sizes.of_generator()), _residual(sizes)


def _stylegan3_r(sizes: Sizes) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    """Convolutions of single pixels, twice as many of them, and filters that are the same in all directions."""
    wider = {"channel_base": 2 * sizes.channel_base, "channel_max": 2 * sizes.channel_max}
    options: dict[str, Any] = sizes.of_generator() | wider
    decay = 0.5 ** (sizes.batch / _MAGNITUDE_HALF_LIFE)
    generator = StyleGAN3GeneratorConfig(kernel_size=1, radial_filters=True, magnitude_decay=decay, **options)
    return generator, _residual(sizes)


def _residual(sizes: Sizes) -> StyleGAN2DiscriminatorConfig:
    return StyleGAN2DiscriminatorConfig(architecture=sizes.d_arch, **sizes.of_discriminator())  # type: ignore[arg-type]


FAMILIES: dict[str, Callable[[Sizes], tuple[GeneratorConfig, DiscriminatorConfig]]] = {
    "stylegan1": _stylegan1,
    "stylegan2": _stylegan2,
    "stylegan3-t": _stylegan3_t,
    "stylegan3-r": _stylegan3_r,
}
