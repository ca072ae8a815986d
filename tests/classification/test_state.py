"""The moving average and the learning rate, against numbers worked out by hand."""

import math

import pytest
import torch

from classification.learner import prepare
from classification.options import config_of
from classification.state import TrainingState
from dataset.archive import Archive
from tests.support.tiny_classifier import flags

COSINE = ("schedule.rate=cosine", "schedule.warmup=0.2", "ema=0.5", "optimizer.lr=0.1")


@pytest.fixture
def state(discs) -> TrainingState:
    """A training of 20 epochs of 5 batches, of which four epochs warm up."""
    config = config_of(flags(discs, epochs=20, settings=COSINE))
    found = TrainingState(config, prepare(config, Archive.open(discs), torch.device("cpu")))
    assert found.steps_an_epoch == 5
    return found


def test_the_average_follows_the_weights_faster_at_first(state):
    assert state.ema is not None
    for step, decay in enumerate([2 / 11, 3 / 12]):  # (1 + steps) / (10 + steps), below the 0.5 asked for
        before = [average.clone() for average in state.ema.parameters()]
        state.take_step()
        assert state.step == step + 1
        for average, old, weight in zip(state.ema.parameters(), before, state.module.parameters(), strict=True):
            torch.testing.assert_close(average, decay * old + (1 - decay) * weight)
    state.step = 1000
    before = next(state.ema.parameters()).clone()
    state.take_step()
    now = next(state.module.parameters())
    torch.testing.assert_close(next(state.ema.parameters()), 0.5 * before + 0.5 * now)


def test_the_rate_warms_up_and_falls_along_a_cosine(state):
    rates = {}
    for step in (0, 10, 19, 20, 60, 100):
        state.step = step
        rates[step] = state.rate()
    assert [rates[step] for step in (0, 10, 19)] == pytest.approx([1 / 21, 11 / 21, 20 / 21])
    assert [rates[step] for step in (20, 60, 100)] == pytest.approx([1, 0.5 * (1 + math.cos(math.pi / 2)), 0])


def test_a_step_is_taken_at_that_rate(state):
    state.step = 9
    state.take_step()
    assert state.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 10 / 21)
