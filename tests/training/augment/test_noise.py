import math

import torch

from training.augment.draws import Draws
from training.augment.noise import Noise, apply_noise


def strengths(p: float) -> torch.Tensor:
    return Noise().draw(4000, p, Draws(torch.Generator().manual_seed(1)))


def test_the_strength_is_half_normal_with_the_stated_deviation():
    drawn = strengths(1.0)
    assert drawn.min() >= 0
    assert abs(drawn.mean() - 0.1 * math.sqrt(2 / math.pi)) < 0.003


def test_a_share_p_of_the_pictures_gets_noise():
    assert abs((strengths(0.3) > 0).float().mean() - 0.3) < 0.03


def test_noise_is_added_at_its_strength():
    x, pixels = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    y = apply_noise(x, torch.tensor([0.0, 0.5]), pixels)
    assert torch.equal(y[0], x[0])
    torch.testing.assert_close(y[1], x[1] + 0.5 * pixels[1])
