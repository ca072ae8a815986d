"""The kernel distance against its definition."""

import pytest
import torch

from metrics import kid


def features(count: int, width: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
    return float((x.double() @ y.double() / len(x) + 1) ** 3)


def unbiased(real: torch.Tensor, fake: torch.Tensor) -> float:
    """The estimator of Bińkowski et al. 2018, equation 4, term by term."""
    m, n = len(real), len(fake)
    within_real = sum(kernel(real[i], real[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_fake = sum(kernel(fake[i], fake[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    across = sum(kernel(x, y) for x in real for y in fake) / (m * n)
    return within_real + within_fake - 2 * across


def test_it_is_the_unbiased_estimator_with_a_cubic_kernel():
    real, fake = features(12), features(12, seed=1) * 1.5 + 0.2
    assert kid.compute(real, fake, seed=0).value == pytest.approx(unbiased(real, fake), rel=1e-9)


def test_two_points_have_their_closed_form():
    x, y = torch.ones(8), torch.zeros(8)
    expected = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    assert expected == 2**3 + 1 - 2
    assert kid.compute(x.expand(20, -1), y.expand(20, -1), seed=0).value == pytest.approx(expected)


def test_samples_of_one_distribution_are_within_their_deviation_of_zero():
    value = kid.compute(features(1000), features(1000, seed=1), seed=0)
    assert value.deviation is not None
    assert abs(value.value) < 2 * value.deviation
    assert kid.compute(features(1000), features(100, seed=1) * 2, seed=0).value > 10 * value.deviation


def test_a_seed_draws_the_same_subsets_and_another_others():
    real, fake = features(500), features(60, seed=1)
    values = [kid.compute(real, fake, seed=seed).value for seed in (3, 3, 4, 3 + 2**40)]
    assert values[0] == values[1]
    assert values[0] != values[2]
    assert values[0] == values[3], "seeds above 32 bits are folded, not refused"


def test_the_recipe_says_which_subsets():
    details = kid.compute(features(300), features(400, seed=1), seed=0).details
    assert details == {"subsets": 100, "subset_size": 300}


def test_smaller_sets_cut_the_subsets_and_say_so():
    details = kid.compute(features(50), features(400, seed=1), seed=0).details
    assert details["subset_size"] == 50
    assert details["note"] == "subsets of 50 instead of 300: there are no more pictures"
