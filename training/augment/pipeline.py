"""All families in order: first every draw, then every change."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from torch_utils.ops.upfirdn2d import setup_filter
from training.augment.bands import apply_bands
from training.augment.colour import apply_colour
from training.augment.config import AugmentConfig
from training.augment.cutout import apply_cutout
from training.augment.draws import Draws
from training.augment.noise import apply_noise
from training.augment.resample import apply_geometry
from training.augment.sets import SETS, Families
from training.augment.wavelets import SYM6, band_filters


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What happens to a batch; None where a family has no part. Row n concerns picture n alone."""

    geometry: Tensor | None = None
    """Matrices from output to input pixels, [N, 3, 3]."""
    colour: Tensor | None = None
    """Matrices (R, G, B, 1) → (R, G, B), [N, 3, 4]."""
    bands: Tensor | None = None
    """Gains of the four octaves, [N, 4]."""
    noise: Tensor | None = None
    """Standard deviations, [N]."""
    pixels: Tensor | None = None
    """Standard normal noise like the images; there when `noise` is."""
    cutout: Tensor | None = None
    """Rectangles (centre x, centre y, size), [N, 3]."""


class AugmentPipe(nn.Module):
    """Random changes that D sees instead of the pictures, differentiable twice with respect to them.

    Args:
        config: names the set.
        families: instead of the named set.
    Source: Karras et al. 2020 (ADA).
    """

    low_pass: Tensor
    bank: Tensor

    def __init__(self, config: AugmentConfig, families: Families | None = None):
        super().__init__()
        self.families = families or SETS[config.pipe]
        self.register_buffer("low_pass", setup_filter(SYM6), persistent=False)
        self.register_buffer("bank", torch.from_numpy(band_filters()).float(), persistent=False)

    def forward(self, images: Tensor, p: float, draws: Draws) -> Tensor:
        """Change each picture in each way with probability p.

        Args:
            images: [N, C, H, W], nominally -1…1; the result may leave that range a little, as noise and contrast do.
            p: 0 returns the very same images.
        """
        if p <= 0:
            return images
        return self.apply_changes(images, self.draw(images, p, draws))

    def draw(self, images: Tensor, p: float, draws: Draws) -> Changes:
        """Draw what would happen to these images; only their shape, type and device matter."""
        count, size, families = len(images), (images.shape[2], images.shape[3]), self.families
        geometry = None
        for family in (families.blit, families.geometry):
            if family:
                matrices = family.draw(count, size, p, draws)
                geometry = matrices if geometry is None else geometry @ matrices
        return Changes(
            geometry=geometry,
            colour=families.colour.draw(count, p, draws) if families.colour else None,
            bands=families.filter.draw(count, p, draws) if families.filter else None,
            noise=families.noise.draw(count, p, draws) if families.noise else None,
            pixels=draws.pixels(images) if families.noise else None,
            cutout=families.cutout.draw(count, p, draws) if families.cutout else None,
        )

    def apply_changes(self, images: Tensor, changes: Changes) -> Tensor:
        """Carry out what was drawn."""
        if changes.geometry is not None:
            images = apply_geometry(images, changes.geometry, self.low_pass)
        if changes.colour is not None:
            images = apply_colour(images, changes.colour)
        if changes.bands is not None:
            images = apply_bands(images, changes.bands, self.bank)
        if changes.noise is not None and changes.pixels is not None:
            images = apply_noise(images, changes.noise, changes.pixels)
        if changes.cutout is not None:
            images = apply_cutout(images, changes.cutout)
        return images
