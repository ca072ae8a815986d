"""A low-pass filter that is the same in all directions: the frequencies two pictures at any angle have in common."""

import math

import torch
from torch import Tensor

REACH = 8  # pixels: the response is zero from here on
_ATTENUATION = 60  # dB, of what lies beyond half the sampling rate
_BETA = 0.1102 * (_ATTENUATION - 8.7)
# Kaiser's formula for the half width of the transition, in cycles a pixel, for a window 2 * REACH wide.
_HALF_TRANSITION = (_ATTENUATION - 7.95) / (2.285 * 2 * REACH) / (4 * math.pi)
CUTOFF = 0.5 - _HALF_TRANSITION  # cycles a pixel: the stop band begins at half the sampling rate


def disc_response(distance: Tensor) -> Tensor:
    """The filter's value at a distance from its middle, in pixels: a jinc under a Kaiser window, float64 as given.

    Its integral is 1. Half the amplitude passes at CUTOFF; the transition ends at 0.5 cycles a pixel, so that the
    copies of the spectrum that sampling makes are stopped, and the pixels' grid does not show in the result.
    """
    angle = (2 * math.pi * CUTOFF * distance).clamp_min(1e-9)  # at the middle: the limit, 1/2
    jinc = 2 * math.pi * CUTOFF**2 * torch.special.bessel_j1(angle) / angle
    window = torch.i0(_BETA * (1 - (distance / REACH) ** 2).clamp_min(0).sqrt()) / torch.i0(distance.new_tensor(_BETA))
    return torch.where(distance < REACH, jinc * window, 0)


def disc_taps() -> Tensor:
    """The same for pixels of one grid, [2 * REACH - 1] * 2, float64, of sum 1."""
    line = torch.arange(1 - REACH, REACH, dtype=torch.float64)
    taps = disc_response(torch.hypot(line, line[:, None]))
    return taps / taps.sum()
