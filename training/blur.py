"""The Gaussian blur that D sees everything through at the start of training a StyleGAN3-R."""

import math

import torch
from torch import Tensor

from torch_utils.ops.upfirdn2d import filter2d

_REACH = 3  # deviations


def blurred(images: Tensor, sigma: float) -> Tensor:
    """[N, C, R, R] through a Gaussian of `sigma` pixels, cut off at three deviations; dark beyond the border."""
    reach = math.floor(sigma * _REACH)
    if reach == 0:
        return images
    place = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    taps = torch.exp(-((place / sigma) ** 2) / 2)
    return filter2d(images, taps / taps.sum())
