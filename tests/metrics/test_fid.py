"""The Fréchet distance against its closed forms."""

import numpy as np
import pytest
import scipy.linalg
import torch

from metrics import fid


def features(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def distance(real: torch.Tensor, fake: torch.Tensor) -> float:
    return fid.compute(real, fake, seed=0).value


def test_a_set_has_no_distance_to_itself():
    real = features(200, 16)
    assert distance(real, real) == pytest.approx(0, abs=1e-6)


def test_a_shift_costs_its_squared_length():
    real, shift = features(100, 8), torch.linspace(-1, 2, 8)
    assert distance(real, real + shift) == pytest.approx(float(shift.square().sum()), rel=1e-5)


def test_a_scaling_costs_its_share_of_mean_and_variance():
    real = features(300, 8) + 1
    expected = (1 - 3) ** 2 * (real.mean(0).square().sum() + real.var(0).sum())
    assert distance(real, 3 * real) == pytest.approx(float(expected), rel=1e-5)


def test_it_agrees_with_the_matrix_square_root():
    real, fake = features(300, 8) @ features(8, 8, 1), features(250, 8, 2) @ features(8, 8, 3) + 0.5
    a, b = np.cov(real.double().numpy(), rowvar=False), np.cov(fake.double().numpy(), rowvar=False)
    mean = (real.double().mean(0) - fake.double().mean(0)).square().sum().item()
    expected = mean + np.trace(a + b - 2 * np.real(scipy.linalg.sqrtm(a @ b)))
    assert distance(real, fake) == pytest.approx(expected, rel=1e-8)


def test_it_does_not_matter_which_side_is_real():
    a, b = features(60, 8), features(50, 8, 1) * 2
    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-9)


def test_fewer_pictures_than_features_are_noted_as_biased():
    assert "20 pictures for 32 features: biased" in str(fid.compute(features(40, 32), features(20, 32), 0).details)


def test_enough_pictures_need_no_note():
    assert fid.compute(features(40, 8), features(40, 8, 1), 0).details == {}
