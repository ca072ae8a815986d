"""Small StyleGAN3 generators before training, their running magnitudes warmed up, and what makes them alias."""

import torch

from networks.interface import ImageSpec, Noise
from networks.stylegan3_generator import StyleGAN3Generator, StyleGAN3GeneratorConfig

T = StyleGAN3GeneratorConfig(z_dim=16, w_dim=16, channel_base=512, channel_max=32, num_layers=8, magnitude_decay=0.0)
R = StyleGAN3GeneratorConfig(
    z_dim=16,
    w_dim=16,
    channel_base=1024,
    channel_max=64,
    num_layers=8,
    magnitude_decay=0.0,
    kernel_size=1,
    radial_filters=True,
)
ALIASED = {"lrelu_upsampling": 1, "filters": "binomial"}


def fresh(config: StyleGAN3GeneratorConfig, spec: ImageSpec) -> StyleGAN3Generator:
    """Untrained; one pass gives the running magnitudes (decay 0) what they would be soon after training starts."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        generator = config.build(spec).eval().requires_grad_(False)
        ws = generator.mapping(torch.randn(16, config.z_dim))
        seen = generator.observed(ws, Noise())[1]
        assert seen is not None
        generator.track(seen)
    return generator
