"""Losses against their formulas."""

import math

import pytest
import torch

from classification.config import CrossEntropyConfig, GeneralisedConfig
from classification.losses import loss_of

LOGITS = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])  # probabilities 3/4, 1/4 and 1/2, 1/2


def test_cross_entropy_is_the_negative_logarithm_of_the_right_class():
    found = loss_of(CrossEntropyConfig(), LOGITS, torch.tensor([1, 0]))
    assert found.tolist() == pytest.approx([math.log(4), math.log(2)])


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_the_generalised_loss_is_zhang_and_sabuncus(q):
    found = loss_of(GeneralisedConfig(q=q), LOGITS, torch.tensor([1, 0]))
    assert found.tolist() == pytest.approx([(1 - 0.25**q) / q, (1 - 0.5**q) / q], rel=1e-5)


def test_between_them_it_goes_over_into_cross_entropy():
    nearly = loss_of(GeneralisedConfig(q=1e-3), LOGITS, torch.tensor([1, 0]))
    torch.testing.assert_close(nearly, loss_of(CrossEntropyConfig(), LOGITS, torch.tensor([1, 0])), rtol=1e-3, atol=0)


def test_a_surely_wrong_label_pulls_less():
    logits = torch.tensor([[8.0, -8.0]], requires_grad=True)
    pulls = [
        torch.autograd.grad(loss_of(config, logits, torch.tensor([1])).sum(), logits)[0].abs().max().item()
        for config in (CrossEntropyConfig(), GeneralisedConfig())
    ]
    assert pulls[1] < 1e-3 < 0.99 < pulls[0]
