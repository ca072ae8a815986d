"""Noise: grain on every pixel."""

from dataclasses import dataclass

from torch import Tensor

from training.augment.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Normal noise of a strength drawn per picture. It keeps the label: grain says nothing of who is shown.

    It leaks where p nears 1, for then no clean picture is seen. Source: Karras et al. 2020 (ADA), appendix B.
    """

    std: float = 0.1  # of the half-normal that the strength is drawn from, in the range -1…1

    def draw(self, count: int, p: float, draws: Draws) -> Tensor:
        """Standard deviation for each picture, [N]."""
        return (draws.half_normal(count) * self.std).where(draws.gate(p, count), 0)


def apply_noise(images: Tensor, strength: Tensor, pixels: Tensor) -> Tensor:
    """Add `pixels` (standard normal, shaped like the images) times `strength` [N]."""
    strength = strength.to(images.device, images.dtype, non_blocking=True)
    return images + strength[:, None, None, None] * pixels
