"""Pictures from seeds: a seed gives the same picture in any batch."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from networks.interface import Generator, Noise, NoiseMode
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.images import to_uint8
from torch_utils.labels import encode


def check_psi(psi: float) -> None:
    """Raise a ConfigError unless a truncation is a finite number."""
    if not math.isfinite(psi):
        raise ConfigError(f"--trunc {psi}: not a finite number. Use for example 0.7.")


@torch.no_grad()
def generate_pictures(
    generator: Generator,
    seeds: Sequence[int],
    labels: Tensor | None = None,
    *,
    psi: float = 1.0,
    cutoff: int | None = None,
    noise: NoiseMode = "const",
    batch: int = 32,
) -> Iterator[Tensor]:
    """Yield pictures in order of the seeds, on the generator's device.

    Args:
        labels: class indices, int64 [len(seeds), label sets]; needed by a conditional generator.
        psi: truncation, 1 for none.
        cutoff: truncate the first `cutoff` styles only.
        noise: "const" the fixed noise inputs, "random" new ones drawn from each seed, "none" off.
        batch: pictures computed together; the last may be smaller.
    Yields:
        uint8 [n, C, R, R]
    """
    device = next(generator.parameters()).device
    spec = generator.image_spec
    for start in range(0, len(seeds), batch):
        part = list(seeds[start : start + batch])
        z = seeding.latents(part, generator.z_dim).to(device)
        codes = None
        if spec.label_sets:
            assert labels is not None
            codes = encode(labels[start : start + batch], spec.label_sets).to(device)
        generators = ()
        if noise == "random":
            generators = tuple(seeding.generator(seed, "noise", device=device) for seed in part)
        images = generator(z, codes, psi=psi, cutoff=cutoff, noise=Noise(mode=noise, generators=generators))
        yield to_uint8(images)
