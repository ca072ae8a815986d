"""Colour: brightness, contrast, luma flip, hue, saturation."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from torch_utils.errors import ConfigError
from training.augment.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Affine changes of colour. They keep the label: a face under another light is the same person.

    The luma flip (half of those that come through the gate, so p/2 of all) turns the grey axis round and keeps hue;
    a picture painted light on dark is rare, so the set `faces` leaves it out and turns hue a little only.
    Source: Karras et al. 2020 (ADA), section 2 and appendix B.
    """

    brightness_std: float = 0.2  # in the range -1…1
    contrast_std: float = 0.5  # of log2
    luma_flip: bool = True
    hue: float = 180.0  # largest turn about the grey axis, degrees
    saturation_std: float = 1.0  # of log2

    def draw(self, count: int, p: float, draws: Draws) -> Tensor:
        """Matrices (R, G, B, 1) → (R, G, B), [N, 3, 4]."""
        matrix = torch.eye(3, 4, device=draws.device).expand(count, 3, 4)
        if self.brightness_std:
            shift = (draws.normal(count) * self.brightness_std).where(draws.gate(p, count), 0)
            matrix = torch.cat([matrix[..., :3], shift[:, None, None].expand(count, 3, 1)], dim=2)
        if self.contrast_std:
            matrix = _log_factor(self.contrast_std, count, p, draws) * matrix
        grey = torch.full((3, 3), 1 / 3, device=draws.device)  # projection onto the grey axis
        if self.luma_flip:
            flip = (2 * draws.uniform(count)).floor().where(draws.gate(p, count), 0)
            matrix = matrix - 2 * flip[:, None, None] * (grey @ matrix)
        if self.hue:
            angle = (2 * draws.uniform(count) - 1) * math.radians(self.hue)
            matrix = _about_grey(angle.where(draws.gate(p, count), 0)) @ matrix
        if self.saturation_std:
            factor = _log_factor(self.saturation_std, count, p, draws)
            matrix = matrix + (factor - 1) * (matrix - grey @ matrix)
        return matrix


def apply_colour(images: Tensor, matrices: Tensor) -> Tensor:
    """Change colours by affine matrices.

    Args:
        images: [N, C, H, W]; grey ones (C = 1) count as R = G = B, and the mean of the changed three is kept.
        matrices: [N, 3, 4].
    Raises:
        ConfigError: neither 1 nor 3 channels.
    """
    count, channels, height, width = images.shape
    matrices = matrices.to(images.device, images.dtype, non_blocking=True)
    if channels == 1:
        mean = matrices.mean(dim=1)
        return images * mean[:, :3].sum(1)[:, None, None, None] + mean[:, 3, None, None, None]
    if channels != 3:
        raise ConfigError(f"augment.pipe: colour changes need 1 or 3 channels, not {channels}. Use bg or none.")
    changed = torch.baddbmm(matrices[..., 3:], matrices[..., :3], images.reshape(count, 3, height * width))
    return changed.reshape(images.shape)


def _log_factor(std: float, count: int, p: float, draws: Draws) -> Tensor:
    factor = (draws.normal(count) * std).exp2().where(draws.gate(p, count), 1)
    return factor[:, None, None]


def _about_grey(angle: Tensor) -> Tensor:
    """Rotations of colour space about the grey axis, [N, 3, 3]: circulant, because the axis treats R, G, B alike."""
    cos, sin = (1 + 2 * angle.cos()) / 3, angle.sin() / math.sqrt(3)
    rest = (1 - cos) / 2
    a, b, c = cos, rest - sin, rest + sin
    return torch.stack([a, b, c, c, a, b, b, c, a], dim=1).reshape(-1, 3, 3)
