"""Low-pass filters for resampling, designed from a cutoff and a transition band."""

import numpy as np
import scipy.signal
import scipy.special
import torch
from torch import Tensor


def design_lowpass(
    taps: int, cutoff: float, width: float, sampling_rate: float, *, radial: bool = False
) -> Tensor | None:
    """Make a low-pass filter with a Kaiser window, for `upfirdn2d` and `filtered_lrelu`.

    Args:
        taps: along each axis; one tap filters nothing.
        cutoff: frequency at which half the amplitude passes, in the unit of `sampling_rate`.
        width: of the transition band, stop band to pass band.
        sampling_rate: of the picture that is filtered.
        radial: the same in all directions: a jinc, which is not separable.
    Returns:
        float32, [taps] (separable) or if radial [taps, taps], of sum 1; None for one tap.
    Source: Karras et al. 2021 (StyleGAN3), appendix C.
    """
    if taps == 1:
        return None
    if not radial:
        return torch.from_numpy(scipy.signal.firwin(taps, cutoff, width=width, fs=sampling_rate)).float()
    place = (np.arange(taps) - (taps - 1) / 2) / sampling_rate
    radius = np.hypot(place, place[:, None])
    window = np.kaiser(taps, scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, 2 * width / sampling_rate)))
    f = _jinc(radius, cutoff) * np.outer(window, window)
    return torch.from_numpy(f / f.sum()).float()


def _jinc(radius: np.ndarray, cutoff: float) -> np.ndarray:
    """Impulse response of a filter that lets pass a disc of frequencies, up to a factor."""
    angle = np.maximum(2 * np.pi * cutoff * radius, 1e-12)  # at the centre: the limit, 1/2
    return scipy.special.j1(angle) / angle
