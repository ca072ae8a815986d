"""MSE, PSNR and SSIM by closed form."""

import math

import pytest
import torch

from painting.quality import compare, mse, psnr, ssim


def noise(seed: int, side: int = 40):
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))


def test_a_picture_is_like_itself():
    assert compare(noise(1), noise(1)) == {"mse": 0.0, "psnr": math.inf, "ssim": pytest.approx(1.0)}


def test_a_constant_difference_is_known():
    assert mse(noise(1), noise(1) + 0.1) == pytest.approx(0.01, rel=1e-5)
    assert psnr(0.01) == pytest.approx(20.0)


def test_flat_pictures_differ_by_their_means_alone():
    a, b = torch.full((3, 16, 16), 0.2), torch.full((3, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b) == pytest.approx(expected, rel=1e-4)


def test_of_one_window_it_is_the_formula():
    """SSIM of pictures as large as the window, by the definition's weighted sums."""
    x, y = noise(2, 11).double(), noise(3, 11).double()
    offsets = torch.arange(-5, 6, dtype=torch.float64)
    line = torch.exp(-(offsets**2) / 4.5)
    weights = torch.outer(line, line) / line.sum() ** 2

    def mean(picture):
        return (weights * picture).sum((1, 2))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    expected = ((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean()
    assert ssim(x, y) == pytest.approx(expected.item(), rel=1e-9)


def test_noise_lowers_it():
    assert (
        ssim(noise(4), noise(4) + 0.05 * noise(5))
        > ssim(noise(4), noise(4) + 0.5 * noise(5))
        > ssim(noise(4), noise(6))
    )
