"""Learning to Paint's networks, by the paper's counts, and its threshold."""

import torch
from torch.testing import assert_close

from painting.agents.resnet import Critic, Discriminator, ResnetPolicy, TReLU
from painting.brushes import BRUSHES


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_papers_sizes():
    actor = ResnetPolicy(BRUSHES["bezier"], 128, 5, 40)
    assert count(actor) == 11_209_857  # 11.21 million; by hand in the spec
    assert actor.out.out_features == 65
    assert count(Critic(128, 40)) == 11_178_770  # with a length for each channel and 17 thresholds
    assert count(Discriminator()) == 274_886
    assert actor.body.layers(torch.zeros(1, 9, 128, 128)).shape == (1, 512, 4, 4)


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


def test_an_actor_is_shown_the_looks_before_and_a_critic_those_after():
    shown = []
    actor, critic = ResnetPolicy(BRUSHES["bezier"], 16, 1, 8, width=8), Critic(16, 8, width=8)
    for body in (actor.body, critic.body):
        body.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0][:, -3, 0, 0].tolist()))
    pictures, step = torch.rand(2, 3, 16, 16), torch.tensor([0.0, 7.0])
    actor(pictures, pictures, step, ())
    critic(pictures, pictures, pictures, step)
    assert shown == [[0, 7 / 8], [1 / 8, 1]]


def test_a_discriminator_sees_both_pictures_through_five_halvings():
    judge = Discriminator()
    slopes = torch.autograd.grad(judge(*(pair := torch.rand(2, 1, 3, 64, 64).requires_grad_())).sum(), pair)[0]
    assert (slopes.abs().sum((1, 2, 3, 4)) > 0).all()
    assert judge.layers(torch.zeros(1, 6, 128, 128)).shape == (1, 1, 4, 4)


def test_the_threshold_of_trelu():
    activation = TReLU()
    with torch.no_grad():
        activation.threshold.fill_(0.5)
    assert_close(activation(torch.tensor([-1.0, 0.4, 0.5, 2.0])), torch.tensor([0.5, 0.5, 0.5, 2.0]))
