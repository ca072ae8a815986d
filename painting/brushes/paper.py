"""The tooth of the paper: a fixed pattern of heights. It belongs to the place on the canvas, not to a stroke, so that
texture costs nothing in differentiability."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from painting.canvas import Canvas

_SIDE = 512  # of the pattern, which repeats
_FINEST, _COARSEST = 0.006, 0.03  # wavelengths, of the shorter side
_SEED = 20200219


@lru_cache(maxsize=8)
def grain(canvas: Canvas) -> Tensor:
    """Heights of the paper at each pixel, evenly distributed in 0…1, [H, W]; the same paper at each size."""
    tiles = [-(-side // canvas.unit) for side in (canvas.height, canvas.width)]
    sheet = _pattern().repeat(*tiles)[None, None]
    full = (tiles[0] * canvas.unit, tiles[1] * canvas.unit)
    sized = F.interpolate(sheet, size=full, mode="bilinear", antialias=True)[0, 0]
    return sized[: canvas.height, : canvas.width].contiguous()


@lru_cache(maxsize=1)
def _pattern() -> Tensor:
    """Noise between two wavelengths, made to tile by its Fourier series, its values replaced by their ranks."""
    rng = np.random.default_rng(_SEED)
    down, across = np.fft.fftfreq(_SIDE, 1 / _SIDE)[:, None], np.fft.rfftfreq(_SIDE, 1 / _SIDE)
    frequency = np.hypot(down, across)
    band = np.exp(-((frequency * _FINEST) ** 2)) * (1 - np.exp(-((frequency * _COARSEST) ** 2)))
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE))) * band, s=(_SIDE, _SIDE))
    ranks = noise.ravel().argsort().argsort().reshape(noise.shape)
    return torch.from_numpy(ranks / (noise.size - 1)).float()
