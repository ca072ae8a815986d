"""How an alias-free generator is laid out: every layer's cutoff, sampling rate, size, channels and filters."""

import math
from dataclasses import dataclass

from torch import Tensor

from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.upfirdn2d import setup_filter

_BINOMIAL = (1, 3, 3, 1)


@dataclass(frozen=True, kw_only=True)
class Band:
    """Signals between two layers, in units of the picture's side.

    cutoff: frequency up to which they carry content. half_width: of the transition band above it.
    rate: samples along the side. size: samples along the side with the margin around it.
    """

    cutoff: float
    half_width: float
    rate: int
    size: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """One layer: from one band to the next by way of a finer grid, on which the nonlinearity acts."""

    before: Band
    after: Band
    critical: bool  # its cutoff is the limit of its grid: no room for a transition band
    to_rgb: bool
    kernel_size: int
    fine_rate: int
    filter_taps: int
    binomial: bool
    radial: bool

    @property
    def up(self) -> int:
        """From the rate before to the fine one."""
        return self.fine_rate // self.before.rate

    @property
    def down(self) -> int:
        """From the fine rate to the one after."""
        return self.fine_rate // self.after.rate

    def up_filter(self) -> Tensor | None:
        """For the way up, float32; None for none."""
        return self._filter(self.up, self.before, radial=False)

    def down_filter(self) -> Tensor | None:
        """For the way down, float32; None for none. Radial where rotations should commute with it."""
        return self._filter(self.down, self.after, radial=self.radial and not self.critical)

    def _filter(self, factor: int, band: Band, *, radial: bool) -> Tensor | None:
        if factor == 1 or self.to_rgb:
            return None
        if self.binomial:
            return setup_filter(_BINOMIAL)
        taps = self.filter_taps * factor
        return design_lowpass(taps, band.cutoff, 2 * band.half_width, self.fine_rate, radial=radial)

    def padding(self) -> tuple[int, int, int, int]:
        """What brings the full convolution of the size before to the size after: left, right, top, bottom.

        In pixels of the fine grid, before it is filtered; negative crops.
        """
        taps = [1 if f is None else f.shape[-1] for f in (self.up_filter(), self.down_filter())]
        wanted = (self.after.size - 1) * self.down + 1 + sum(taps) - 2
        total = wanted - (self.before.size + self.kernel_size - 1) * self.up
        left = (total + self.up) // 2
        return left, total - left, left, total - left


def cutoffs(first: float, last: float, num_layers: int, num_critical: int) -> list[float]:
    """A geometric progression over the layers, constant over the last `num_critical`; [num_layers + 1]."""
    steps = (min(i / (num_layers - num_critical), 1) for i in range(num_layers + 1))
    return [first * (last / first) ** step for step in steps]


def bands(
    resolution: int,
    *,
    num_layers: int,
    num_critical: int,
    first_cutoff: float,
    first_stopband: float,
    last_stopband_rel: float,
    margin: int,
    channel_base: int,
    channel_max: int,
    image_channels: int,
) -> list[Band]:
    """What leaves each layer, the picture last: [num_layers + 1].

    Source: Karras et al. 2021 (StyleGAN3), section 3.3 and appendix F.
    """
    limit = resolution / 2
    passing = cutoffs(first_cutoff, limit, num_layers, num_critical)
    stopping = cutoffs(first_stopband, limit * last_stopband_rel, num_layers, num_critical)
    found = []
    for i, (cutoff, stopband) in enumerate(zip(passing, stopping, strict=True)):
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, resolution)))
        last = i >= num_layers - 1
        wide = round(min(channel_base / 2 / cutoff, channel_max))
        found.append(
            Band(
                cutoff=cutoff,
                half_width=max(stopband, rate / 2) - cutoff,
                rate=rate,
                size=resolution if last else rate + 2 * margin,
                channels=image_channels if i == num_layers else wide,
            )
        )
    return found
