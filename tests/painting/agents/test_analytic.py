"""The analytic agent's update: its rate, its steepest step, and what its paintings become."""

import pytest
import torch
from torch.testing import assert_close

from painting.agents.analytic import AnalyticLearner, rate
from painting.agents.config import AgentConfig, AnalyticConfig
from painting.agents.easel import laid
from tests.painting.agents.test_replay import faces


@pytest.fixture
def learner() -> AnalyticLearner:
    torch.manual_seed(0)
    config = AgentConfig(size=16, steps=4, bundle=2, batch=3, method=AnalyticConfig(width=8, widest=16))
    return AnalyticLearner(config, faces())


def test_the_rate_rises_then_falls_to_a_twentieth():
    assert rate(0, 1000) == pytest.approx(1 / 50, rel=1e-4)
    assert rate(24, 10**9) == pytest.approx(0.5)
    assert rate(500, 1000) == pytest.approx(0.5)
    assert rate(999, 1000) == rate(2000, 1000) == 0.05


def test_every_proposal_is_to_remove_a_share_of_its_windows_error(learner):
    proposals = learner.policy.propose(learner._sittings.canvases, learner._sittings.references)
    assert_close(learner.update(0)["loss/policy"], -proposals.share.mean())


def test_no_gradient_is_steeper_than_one(learner, monkeypatch):
    with torch.no_grad():
        for head in learner.policy.heads.values():
            head.weight.mul_(1e3)
    learner.update(0)
    norm = torch.stack([weight.grad.norm() for weight in learner.policy.parameters()]).norm()
    assert norm <= 1 + 1e-4


def test_paintings_go_on_by_what_was_chosen(learner):
    before, references = learner._sittings.canvases, learner._sittings.references
    strokes, _ = learner.policy(before, references, learner._sittings.step, ())
    learner.update(0)
    assert_close(learner._sittings.canvases, laid(learner.policy.brush, strokes, before))
