"""Learning to Paint's networks, by the paper's counts, and its threshold."""

import pytest
import torch
from torch.testing import assert_close

from painting.agents.resnet import Critic, Discriminator, ResnetPolicy, TReLU
from painting.brushes import BRUSHES


def millions(network: torch.nn.Module) -> float:
    return sum(weight.numel() for weight in network.parameters()) / 1e6


def test_the_papers_sizes():
    actor = ResnetPolicy(BRUSHES["bezier"], 128, 5, 40)
    assert sum(weight.numel() for weight in actor.parameters()) == 11_209_857  # 11.21 million; by hand in the spec
    assert actor.out.out_features == 65
    assert millions(Critic(128, 40)) == pytest.approx(11.17, abs=0.02)
    assert millions(Discriminator()) < 0.5


def test_an_actor_says_a_bundle_and_sees_canvas_reference_and_stage():
    torch.manual_seed(0)
    actor = ResnetPolicy(BRUSHES["bezier"], 32, 3, 8, width=8).eval()
    canvas, reference = torch.rand(2, 2, 3, 32, 32)
    strokes, _ = actor(canvas, reference, torch.zeros(2), ())
    assert strokes.shape == (2, 3, 13) and strokes.min() > 0 and strokes.max() < 1
    for other in (
        (torch.rand(2, 3, 32, 32), reference, torch.zeros(2)),
        (canvas, torch.rand(2, 3, 32, 32), torch.zeros(2)),
        (canvas, reference, torch.full((2,), 7.0)),
    ):
        assert not torch.allclose(actor(*other, ())[0], strokes)


def test_a_critic_sees_both_canvases_and_the_stage():
    torch.manual_seed(0)
    critic = Critic(32, 8, width=8)
    before, after, reference = torch.rand(3, 2, 3, 32, 32)
    worth = critic(before, after, reference, torch.zeros(2))
    assert worth.shape == (2,)
    assert not torch.allclose(critic(after, after, reference, torch.zeros(2)), worth)
    assert not torch.allclose(critic(before, before, reference, torch.zeros(2)), worth)
    assert not torch.allclose(critic(before, after, reference, torch.ones(2)), worth)


def test_the_threshold_of_trelu():
    activation = TReLU()
    with torch.no_grad():
        activation.threshold.fill_(0.5)
    assert_close(activation(torch.tensor([-1.0, 0.4, 0.5, 2.0])), torch.tensor([0.5, 0.5, 0.5, 2.0]))
