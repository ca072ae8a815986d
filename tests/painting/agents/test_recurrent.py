"""The neural painters' agent: one stroke at a time, with memory."""

import torch

from painting.agents.recurrent import ConditionalCritic, RecurrentPolicy
from painting.brushes import BRUSHES


def test_one_stroke_a_look_and_it_remembers():
    torch.manual_seed(0)
    agent = RecurrentPolicy(BRUSHES["dry"], 32, 15)
    canvas, reference = torch.rand(2, 4, 3, 32, 32)
    stroke, memory = agent(canvas, reference, torch.zeros(4), agent.start(4))
    assert stroke.shape == (4, 1, 12) and stroke.min() > 0 and stroke.max() < 1
    assert torch.equal(memory[2], stroke[:, 0])
    again, _ = agent(canvas, reference, torch.zeros(4), memory)
    assert not torch.allclose(again, stroke)


def test_the_papers_sizes_at_64_pixels():
    agent = RecurrentPolicy(BRUSHES["dry"], 64, 15)
    assert agent.flat.in_features == 32 * 6 * 6  # 64 → 31 → 14 → 6 without padding
    assert agent.out.out_features == 12
    assert sum(weight.numel() for weight in agent.parameters()) == 1_027_052
    assert sum(weight.numel() for weight in ConditionalCritic().parameters()) == 2_761_921


def test_it_sees_canvas_and_reference_and_keeps_two_states():
    torch.manual_seed(0)
    agent = RecurrentPolicy(BRUSHES["dry"], 32, 15)
    canvas, reference, other = torch.rand(3, 1, 3, 32, 32)
    stroke, (hidden, cell, _) = agent(canvas, reference, torch.zeros(1), agent.start(1))
    assert not torch.equal(hidden, cell)
    assert not torch.allclose(agent(other, reference, torch.zeros(1), agent.start(1))[0], stroke, atol=1e-6)
    assert not torch.allclose(agent(canvas, other, torch.zeros(1), agent.start(1))[0], stroke, atol=1e-6)


def test_every_weight_matters_and_blocks_add():
    agent = RecurrentPolicy(BRUSHES["dry"], 32, 15)
    _, memory = agent(*torch.rand(2, 1, 3, 32, 32), torch.zeros(1), agent.start(1))
    agent(*torch.rand(2, 1, 3, 32, 32), torch.zeros(1), memory)[0].sum().backward()
    for name, weight in agent.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name
    block = agent.blocks[0]
    with torch.no_grad():
        for name, weight in block.named_parameters():
            if name.startswith("second"):
                weight.zero_()
    maps = torch.randn(1, 32, 4, 4)
    assert torch.equal(block(maps), maps)


def test_a_gradient_reaches_the_first_stroke_from_the_last():
    torch.manual_seed(0)
    agent = RecurrentPolicy(BRUSHES["dry"], 32, 15)
    memory, strokes = agent.start(1), []
    for _ in range(3):
        _, memory = agent(torch.ones(1, 3, 32, 32), torch.zeros(1, 3, 32, 32), torch.zeros(1), memory)
        strokes.append(memory[2])
    (slope,) = torch.autograd.grad(strokes[2].sum(), strokes[0])
    assert slope.abs().max() > 0


def test_the_critic_sees_the_reference_too():
    torch.manual_seed(0)
    critic = ConditionalCritic(width=8)
    canvas, reference, other = torch.rand(3, 2, 3, 32, 32)
    assert critic(reference, canvas).shape == (2,)
    assert not torch.allclose(critic(reference, canvas), critic(other, canvas))
