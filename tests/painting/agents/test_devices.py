"""What painting and learning compute stays on the device of the pictures: seen without a GPU, on "meta"."""

from collections.abc import Callable

import pytest
import torch

from painting import curves
from painting.agents.cells import CellPolicy
from painting.agents.easel import laid, strokes_at_once
from painting.agents.policy import Policy
from painting.agents.recurrent import RecurrentPolicy
from painting.agents.resnet import Critic, Discriminator, ResnetPolicy
from painting.brushes import BRUSHES
from painting.brushes.brush import Brush

META = torch.device("meta")


@pytest.fixture(autouse=True)
def no_choice_by_value(monkeypatch):
    """Nothing has a value on "meta", so the search for the nearest point may not ask which curves turn sharply."""
    monkeypatch.setattr(curves, "nearest_t", lambda *arguments: curves._least_power(*arguments)[0])


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, device=META)


@pytest.mark.parametrize("brush", list(BRUSHES))
def test_strokes_are_laid(brush):
    strokes = torch.rand(2, 3, len(BRUSHES[brush].columns), device=META, requires_grad=True)
    painted = laid(BRUSHES[brush], strokes, pictures())
    painted.sum().backward()
    assert strokes.grad is not None and painted.device == strokes.grad.device == META


@pytest.mark.parametrize("brush", list(BRUSHES))
@pytest.mark.parametrize("kind", ["cells", "resnet", "recurrent"])
def test_agents_look(kind, brush):
    agents: dict[str, Callable[[Brush], Policy]] = {
        "cells": lambda brush: CellPolicy(brush, 32, 2, 4),
        "resnet": lambda brush: ResnetPolicy(brush, 32, 2, 4),
        "recurrent": lambda brush: RecurrentPolicy(brush, 32, 4),
    }
    agent = agents[kind](BRUSHES[brush]).to(META)
    step = torch.zeros(2, device=META)
    _, memory = agent(pictures(), pictures(), step, agent.start(2))
    strokes, _ = agent(pictures(), pictures(), step, memory)
    assert strokes.device == META


def test_critics_look():
    step = torch.zeros(2, device=META)
    worth = Critic(32, 4, width=8).to(META)(pictures(), pictures(), pictures(), step)
    assert worth.device == Discriminator().to(META)(pictures(), pictures()).device == META


def test_a_gpu_computes_the_papers_batch_at_once():
    """480 strokes on canvases of 128 pixels; a processor computes as many as its cache holds."""
    assert strokes_at_once(128**2, torch.device("cuda")) >= 480
    assert strokes_at_once(128**2, torch.device("cpu")) == 8
