"""Learning to Paint's update: what the critic is taught, what each loss may move, how slow copies follow."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dataset.archive import Archive
from painting.agents import ddpg, wasserstein
from painting.agents.agent_file import load_agent
from painting.agents.config import AgentConfig, DdpgConfig
from painting.agents.ddpg import DdpgLearner
from painting.agents.easel import laid
from painting.agents.faces import read_faces
from painting.agents.measure import errors
from painting.agents.replay import Replay
from painting.agents.sittings import Sittings
from painting.learned.config import Request, config_of
from painting.learned.train import train
from tests.support.painted import random_strokes
from torch_utils.errors import ConfigError


@pytest.fixture
def learner():
    from tests.painting.agents.test_replay import faces

    method = DdpgConfig(width=8, replay=16, warmup=2, tau=0.25, lr=1e-3, drops=(1, 2))
    torch.manual_seed(0)
    return DdpgLearner(AgentConfig(size=16, steps=4, bundle=2, batch=4, method=method, ema=0.0), faces())


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_the_critic_is_taught_the_discounted_worth_of_the_next_look(learner):
    """loss = (V - γ·(V'(next) + r'(next)))², and nothing is to come after the last look."""
    before, references = torch.rand(2, 4, 3, 16, 16)
    step = torch.tensor([0.0, 1.0, 2.0, 3.0])
    after = laid(learner.policy.brush, random_strokes(8, 13).reshape(4, 2, 13), before)
    actor, critic, judge = learner._slow
    for net in learner._slow:
        net.eval()
    strokes, _ = actor(after, references, step + 1, ())
    later = laid(learner.policy.brush, strokes, after)
    reward = judge(references, later) - judge(references, after)
    to_come = 0.95**5 * (critic(after, later, references, step + 1) + reward)
    to_come[3] = 0
    wanted = (learner._critic(before, after, references, step) - to_come).square().mean()
    assert_close(learner._critic_loss(before, after, references, step), wanted)


def test_the_actor_is_taught_worth_and_reward_of_its_own_look(learner):
    before, references = torch.rand(2, 4, 3, 16, 16)
    step = torch.zeros(4)
    loss = learner._actor_loss(before, references, step)
    strokes, _ = learner.policy(before, references, step, ())  # batch statistics again
    after = laid(learner.policy.brush, strokes, before)
    judge = learner._slow[2]
    reward = judge(references, after) - judge(references, before)
    assert_close(loss, -(learner._critic(before, after, references, step) + reward).mean())


def test_going_back_costs_what_going_on_earned(learner):
    first, second, references = torch.rand(3, 4, 3, 16, 16)
    assert_close(learner._reward(first, second, references), -learner._reward(second, first, references))


def test_each_loss_moves_its_own_network_alone(learner):
    before, references = torch.rand(2, 4, 3, 16, 16)
    nets = {"actor": learner.policy, "critic": learner._critic, "judge": learner._judge}
    old = {name: weights(net) for name, net in nets.items()}
    learner._teach("actor", learner._actor_loss(before, references, torch.zeros(4)))
    assert not torch.equal(weights(learner.policy), old["actor"])
    assert torch.equal(weights(learner._critic), old["critic"]) and torch.equal(weights(learner._judge), old["judge"])
    assert all(weight.grad is None for weight in learner._critic.parameters())


def test_an_update_moves_all_and_slow_copies_a_quarter_of_the_way(learner):
    slow = [weights(net) for net in learner._slow]
    reported = learner.update(0)
    assert set(reported) == {"loss/judge", "loss/critic", "loss/policy"}
    for old, copy, fast in zip(slow, learner._slow, (learner.policy, learner._critic, learner._judge), strict=True):
        assert not torch.equal(weights(fast), old)
        assert_close(weights(copy), old + 0.25 * (weights(fast) - old), atol=1e-6, rtol=1e-5)
    assert_close(weights(learner.used), weights(learner.policy))  # no average


def test_rates_fall_by_the_root_of_ten(learner):
    for step, wanted in enumerate((1e-3, 10**-3.5, 1e-4)):
        learner.update(step)
        assert learner._adams["actor"].param_groups[0]["lr"] == pytest.approx(wanted)
        assert learner._adams["critic"].param_groups[0]["lr"] == pytest.approx(0.3 * wanted)
        assert learner._adams["judge"].param_groups[0]["lr"] == pytest.approx(3e-4)


def test_optimisers_begin_with_the_papers_numbers(learner):
    told = {name: (adam.defaults["lr"], adam.defaults["betas"]) for name, adam in learner._adams.items()}
    assert told == {"actor": (1e-3, (0.9, 0.999)), "critic": (3e-4, (0.9, 0.999)), "judge": (3e-4, (0.5, 0.999))}


def test_looks_before_and_between_updates(learner):
    learner._options = replace(learner._options, looks=3)
    looks = []
    look = learner._look
    learner._look = lambda: looks.append(look())
    learner.update(0)
    assert len(looks) == 2  # the warm-up
    learner.update(1)
    assert len(looks) == 2 + 3


def test_the_reward_is_learnt_from_canvases_after_the_look(learner, monkeypatch):
    noted = []

    def critic_loss(score, references, canvases):
        noted.append((references, canvases))
        return wasserstein.critic_loss(score, references, canvases)

    monkeypatch.setattr(ddpg, "critic_loss", critic_loss)
    draw = learner._replay.draw

    def drawn(count):
        noted.append(draw(count))
        return noted[-1]

    learner._replay.draw = drawn
    learner.update(0)
    looks, (references, canvases) = noted
    assert torch.equal(references, learner.faces.references(looks.which, looks.mirrored))
    assert_close(canvases, laid(learner.policy.brush, looks.strokes, looks.canvases.float() / 255))


def test_canvases_are_kept_as_whole_numbers_and_looks_with_their_stage(learner):
    stages = learner._sittings.step.clone()
    learner._look()
    levels = learner._sittings.canvases * 255
    assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert levels.max() > 1
    assert torch.equal(learner._replay.contents()["kept"]["step"], stages)


def test_a_look_uses_the_statistics_so_far_and_noise_is_within_bounds(learner):
    def said() -> torch.Tensor:
        learner._replay = Replay(4)
        learner._sittings = Sittings(learner.config, learner.faces, 4)
        learner._look()
        return learner._replay.contents()["kept"]["strokes"]

    statistics = learner.policy.state_dict()["body.layers.0.1.running_mean"].clone()
    plain = said()
    assert torch.equal(learner.policy.state_dict()["body.layers.0.1.running_mean"], statistics)
    assert torch.equal(said(), plain)
    learner._options = replace(learner._options, noise=0.5)
    noisy = said()
    assert (noisy - plain).abs().max() > 0.01
    assert noisy.min() >= 0 and noisy.max() <= 1


def test_the_average_is_of_the_weights_so_far(learner):
    old = weights(learner.used)
    learner.config = replace(learner.config, ema=0.99)
    learner.update(0)
    assert_close(weights(learner.used), old + 0.9 * (weights(learner.policy) - old))  # faster at first


def test_slow_actors_are_asked_with_the_statistics_so_far(learner):
    before, references = torch.rand(2, 4, 3, 16, 16)
    learner._slow[0].train()
    old = learner._slow[0].state_dict()["body.layers.0.1.running_mean"].clone()
    learner._critic_loss(before, before, references, torch.zeros(4))
    assert torch.equal(learner._slow[0].state_dict()["body.layers.0.1.running_mean"], old)


def test_one_can_learn_through_a_learned_painter(learn, tmp_path):
    """The strokes then look otherwise while learning; what is measured and painted is drawn by the rasteriser."""
    for brush in ("bezier", "pencil"):
        config = config_of(Request(brush=brush, arch="fcn", size=16, steps=2, batch=2, outdir=tmp_path / brush))
        train(config, tmp_path / brush, torch.device("cpu"), lambda _: None)
    painter, other = (str(tmp_path / brush / "painter.safetensors") for brush in ("bezier", "pencil"))
    small = ("method.width=8", "method.replay=8", "method.warmup=1")
    shape = {"size": 16, "steps": 3, "bundle": 2, "batch": 4, "updates": 2}
    through = learn(tmp_path / "through", "ddpg", *small, renderer=painter, **shape)
    plain = learn(tmp_path / "plain", "ddpg", *small, **shape)
    assert load_agent(through.agent).info.digest != load_agent(plain.agent).info.digest
    loaded = load_agent(through.agent)
    held = read_faces(Archive.open(loaded.info.config.data), 16, 8, 0).held
    assert errors(loaded.policy, held, loaded.info.config.background) == through.metrics
    with pytest.raises(ConfigError, match="draws pencil, but bezier is painted with. Add --brush pencil"):
        learn(tmp_path / "wrong", "ddpg", *small, renderer=other, **shape)
