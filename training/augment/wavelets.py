"""Filters for resampling and for splitting pictures into bands."""

import numpy as np

# Symlets of Daubechies ("Ten lectures on wavelets", 1992, section 8.1.1): the least asymmetric orthonormal low-pass
# filters with 2 and 6 vanishing moments. The tests check orthonormality and moments.
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)


def band_filters(bands: int = 4) -> np.ndarray:
    """Symmetric filters that split a signal into octaves, lowest first, and sum to the identity.

    With L(z) half the autocorrelation of sym2 and H(z) = 1 - L(z): band 0 is L(z)·L(z²)·L(z⁴), band 1 is
    L(z)·L(z²)·H(z⁴), band 2 L(z)·H(z²), band 3 H(z).

    Returns:
        [bands, taps], centred in odd length.
    Source: Karras et al. 2020 (ADA), appendix B, equations for the image-space filtering.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = -low
    high[len(low) // 2] += 1
    passed, rows = np.ones(1), []
    for octave in range(bands - 1):
        rows.append(np.convolve(passed, _spread(high, 2**octave)))
        passed = np.convolve(passed, _spread(low, 2**octave))
    rows.append(passed)
    return np.stack([np.pad(row, (len(passed) - len(row)) // 2) for row in reversed(rows)])


def _spread(taps: np.ndarray, step: int) -> np.ndarray:
    """f(z) → f(z^step)."""
    spread = np.zeros((len(taps) - 1) * step + 1)
    spread[::step] = taps
    return spread
