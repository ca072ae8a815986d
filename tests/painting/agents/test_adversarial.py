"""The neural painters' update: what agent and critic are taught, and from which paintings."""

import pytest
import torch
from torch.testing import assert_close

from painting.agents import adversarial
from painting.agents.adversarial import AdversarialLearner
from painting.agents.config import AdversarialConfig, AgentConfig
from painting.agents.easel import laid
from painting.agents.faces import Faces

WHITE = (1.0, 1.0, 1.0)


@pytest.fixture
def learner() -> AdversarialLearner:
    pictures = torch.randint(0, 256, (10, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    method = AdversarialConfig(critic_width=8, critic_updates=3, squared_weight=7.0)
    config = AgentConfig(brush="dry", size=32, steps=2, bundle=1, batch=4, background=WHITE, method=method, ema=0.0)
    torch.manual_seed(0)
    return AdversarialLearner(config, Faces(pictures, pictures[:2], ("a", "b")))


def test_the_agent_is_taught_to_please_and_to_be_close(learner, monkeypatch):
    """loss = 7·MSE - critic, by the agent's weights."""
    monkeypatch.setattr(learner, "_teach_critic", lambda step, turn: torch.zeros(()))
    references, canvases = learner._paint(0, 3)
    loss = 7 * (canvases - references).square().mean() - learner._critic(references, canvases).mean()
    wanted = torch.autograd.grad(loss, list(learner.policy.parameters()))
    monkeypatch.setattr(learner._adam, "step", lambda: None)
    learner.update(0)
    for weight, slope in zip(learner.policy.parameters(), wanted, strict=True):
        assert_close(weight.grad, slope)


def test_a_painting_begins_on_the_background_and_only_its_end_is_scored(learner):
    references, canvases = learner._paint(0, 0)
    memory, painted = learner.policy.start(4), torch.ones(4, 3, 32, 32)
    for look in range(2):
        strokes, memory = learner.policy(painted, references, torch.full((4,), float(look)), memory)
        painted = laid(learner.policy.brush, strokes, painted)
    assert_close(canvases, painted)


def test_the_critic_learns_its_times_each_time_from_other_paintings(learner, monkeypatch):
    taught = []

    def noted(score, references, canvases):
        taught.append((references, canvases))
        return critic_loss(score, references, canvases)

    critic_loss = adversarial.critic_loss
    monkeypatch.setattr(adversarial, "critic_loss", noted)
    learner.update(0)
    own, _ = learner._paint(0, 3)  # what the agent learns from itself
    references = [pair[0] for pair in taught]
    assert len(references) == 3
    for index, pictures in enumerate([*references, own]):
        assert not any(torch.equal(pictures, other) for other in references[:index])
    learnt = learner.faces.learnt.float() / 255
    assert any(torch.equal(references[0][0], face) or torch.equal(references[0][0], face.flip(2)) for face in learnt)
    assert all(not pair[1].requires_grad for pair in taught)


def test_both_optimisers_have_the_papers_betas(learner):
    for adam in (learner._adam, learner._critic_adam):
        assert adam.param_groups[0]["betas"] == (0.5, 0.9) and adam.param_groups[0]["lr"] == 1e-4
