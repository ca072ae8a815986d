"""Options of progressive growing (Karras et al. 2018): when each resolution comes in, and what changes with it."""

from dataclasses import dataclass

from networks.checks import require

_FIRST = 4  # pixels a side of the lowest block: the first entry of the lists


@dataclass(frozen=True, kw_only=True)
class GrowthConfig:
    """Networks that start small: `stable_kimg` at the first resolution, then `fade_kimg` + `stable_kimg` a doubling.

    batch_sizes: for 4x4, 8x8, … pixels; resolutions beyond the list take schedule.batch_size.
    lr_factors: on the learning rates, likewise; beyond the list the last one holds, an empty list changes nothing.
    """

    progressive: bool = False
    first_resolution: int = 8
    fade_kimg: float = 600.0
    stable_kimg: float = 600.0
    batch_sizes: tuple[int, ...] = ()
    lr_factors: tuple[float, ...] = ()

    def __post_init__(self):
        first = self.first_resolution
        power_of_two = first >= _FIRST and first & (first - 1) == 0
        require(power_of_two, "growth.first_resolution", first, "Use a power of two from 4 on.")
        for name in ("fade_kimg", "stable_kimg"):
            require(getattr(self, name) >= 0.001, f"growth.{name}", getattr(self, name), "Use 0.001 or more.")
        for name in ("batch_sizes", "lr_factors"):
            values = getattr(self, name)
            require(all(value > 0 for value in values), f"growth.{name}", list(values), "Use positive numbers.")

    def lod(self, resolution: int, images_seen: int) -> float:
        """Doublings still to come after so many images; fractional within a fade."""
        if not self.progressive or resolution <= self.first_resolution:
            return 0.0
        doublings = resolution.bit_length() - self.first_resolution.bit_length()
        fade, stable = self.fade_kimg * 1000, self.stable_kimg * 1000
        periods, within = divmod(images_seen, fade + stable)
        return max(doublings - periods - max(within - stable, 0) / fade, 0.0)

    def batch_size(self, resolution: int) -> int | None:
        """Of a resolution; None for the schedule's."""
        place = _place(resolution)
        return self.batch_sizes[place] if place < len(self.batch_sizes) else None

    def lr_factor(self, resolution: int) -> float:
        """Of a resolution."""
        return self.lr_factors[min(_place(resolution), len(self.lr_factors) - 1)] if self.lr_factors else 1.0


def _place(resolution: int) -> int:
    return resolution.bit_length() - _FIRST.bit_length()
