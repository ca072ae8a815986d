"""Filter: amplify or weaken octaves of detail."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.augment.draws import Draws
from training.augment.resample import reflect_pad
from training.augment.rows import change_rows

# Mean power of natural pictures in the four bands, which fall off as 1/f: a gain is paid for by the other bands.
_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Gains for four octaves. They keep the label: a face a little blurred or sharpened is the same person.

    Source: Karras et al. 2020 (ADA), section 2 and appendix B.
    """

    gain_std: float = 1.0  # of log2

    def draw(self, count: int, p: float, draws: Draws) -> Tensor:
        """Gains, lowest band first, [N, 4]; a picture's mean power stays, whichever bands were drawn."""
        power = torch.tensor(_POWER, device=draws.device)
        gains = torch.ones(count, len(_POWER), device=draws.device)
        for band in range(len(_POWER)):
            gain = torch.ones_like(gains)
            gain[:, band] = (draws.normal(count) * self.gain_std).exp2()
            gain = gain / (power * gain**2).sum(1, keepdim=True).sqrt()
            gains = gains * gain.where(draws.gate(p, count)[:, None], 1)
        return gains


def apply_bands(images: Tensor, gains: Tensor, bank: Tensor) -> Tensor:
    """Change the octaves of pictures by gains [N, 4]; the bank [4, taps] holds one filter for each.

    Pictures whose gains are all 1 are left exactly as they are; where the gains lie on a GPU, looking would cost a
    wait, and all are filtered.
    """
    on_cpu = gains.device.type == "cpu"
    changed = (gains != 1).any(1) if on_cpu else torch.ones(len(gains), dtype=torch.bool)
    return change_rows(images, changed, lambda some, rows: apply_filter(some, gains[rows].to(bank) @ bank))


def apply_filter(images: Tensor, taps: Tensor) -> Tensor:
    """Filter each picture with its own taps along both axes, mirroring it at the edges.

    Args:
        images: [N, C, H, W].
        taps: [N, taps], symmetric, of odd length.
    """
    count, channels, height, width = images.shape
    taps = taps.to(images.device, images.dtype, non_blocking=True)
    reach = taps.shape[1] // 2
    kernels = taps[:, None].expand(count, channels, -1).reshape(count * channels, 1, 1, -1)
    x = reflect_pad(images, reach, reach, reach, reach)
    x = x.reshape(1, count * channels, height + 2 * reach, width + 2 * reach)
    x = F.conv2d(x, kernels, groups=count * channels)
    x = F.conv2d(x, kernels.transpose(2, 3), groups=count * channels)
    return x.reshape(images.shape)
