"""How close a painting is to its reference: mean squared error, PSNR and SSIM."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_SIDE, _SIGMA = 11, 1.5  # of SSIM's window
_STABLE = (0.01**2, 0.03**2)


def compare(picture: Tensor, reference: Tensor) -> dict[str, float]:
    """MSE, PSNR in dB and SSIM of two RGB pictures in 0…1, [3, H, W]."""
    error = mse(picture, reference)
    return {"mse": error, "psnr": psnr(error), "ssim": ssim(picture, reference)}


def mse(picture: Tensor, reference: Tensor) -> float:
    """Mean squared difference over pixels and channels."""
    return (picture.double() - reference.double()).pow(2).mean().item()


def psnr(error: float) -> float:
    """dB of a mean squared error of pictures in 0…1; infinite for 0."""
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(picture: Tensor, reference: Tensor) -> float:
    """Structural similarity, -1…1, over Gaussian windows of 11 pixels within the picture, mean of the channels.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
    """
    x, y = picture.double()[:, None], reference.double()[:, None]
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    means, spreads = _STABLE
    likeness = (2 * mean_x * mean_y + means) * (2 * covariance + spreads)
    size = (mean_x**2 + mean_y**2 + means) * (variance_x + variance_y + spreads)
    return (likeness / size).mean().item()


def _blur(x: Tensor) -> Tensor:
    """Means under the window, of each picture [N, 1, H, W]; only where it fits."""
    offsets = torch.arange(_SIDE, dtype=x.dtype) - _SIDE // 2
    window = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    window = window / window.sum()
    return F.conv2d(F.conv2d(x, window.reshape(1, 1, -1, 1)), window.reshape(1, 1, 1, -1))
