"""Proposals: tried in windows as they would be on the canvas, the best taken, never a harmful one."""

import pytest
import torch
from torch.testing import assert_close

from painting.agents.cells import CellPolicy
from painting.agents.easel import laid
from painting.agents.policy import is_mark
from painting.brushes import BRUSHES
from tests.support.painted import drawn_face


def policy(brush: str = "bezier", bundle: int = 4) -> CellPolicy:
    torch.manual_seed(0)
    return CellPolicy(BRUSHES[brush], 32, bundle, 8, width=8, widest=32)


@pytest.fixture(scope="module")
def pictures():
    """Canvases and references, [2, 3, 32, 32] each."""
    return torch.rand(2, 3, 32, 32), torch.stack([drawn_face(index, 32) for index in range(2)])


@pytest.mark.parametrize("brush", ["bezier", "pencil", "ink", "dry"])
def test_a_gain_is_what_the_stroke_improves_on_the_whole_canvas(brush, pictures):
    canvases, references = pictures
    agent = policy(brush)
    proposals = agent.propose(canvases, references)
    assert proposals.strokes.shape == (2, 1 + 4 + 16 + 64, len(agent.brush.columns))
    assert proposals.strokes.min() >= 0 and proposals.strokes.max() <= 1
    before = (canvases - references).square().sum((1, 2, 3))
    for cell in range(0, 85, 3):
        painted = laid(agent.brush, proposals.strokes[:, cell : cell + 1], canvases)
        gain = before - (painted - references).square().sum((1, 2, 3))
        assert_close(proposals.gain[:, cell], gain, atol=2e-3, rtol=1e-3)


def test_the_best_strokes_are_taken_the_coarse_first_and_none_where_another_lies(pictures):
    agent = policy()
    proposals = agent.propose(*pictures)
    chosen = agent.choose(proposals)
    for strokes, all_strokes, gain in zip(chosen, proposals.strokes, proposals.gain, strict=True):
        where = [int((all_strokes == stroke).all(1).nonzero()[0]) for stroke in strokes if is_mark(agent.brush, stroke)]
        assert where == sorted(where)
        assert int(gain.argmax()) in where
        meets = agent.get_buffer("meets")[where][:, where]
        assert torch.equal(meets, torch.eye(len(where), dtype=torch.bool))


def test_a_stroke_over_the_whole_canvas_is_laid_once_and_alone(pictures):
    agent = policy()
    proposals = agent.propose(*pictures)
    proposals.gain.data[:, 0] = 1e6
    chosen = agent.choose(proposals)
    assert torch.equal(chosen[:, 0], proposals.strokes[:, 0])
    assert not is_mark(agent.brush, chosen[:, 1:]).any()


def test_which_cells_meet():
    meets = policy().get_buffer("meets")
    assert meets[0].all()  # the whole canvas meets everything
    assert meets[1].sum() == 1 + 1 + 4 + 16  # a quarter: the whole, itself, and what lies within
    assert meets[84].sum() == 4  # the last of the finest: itself and those that hold it


def test_an_untrained_agent_never_makes_a_painting_worse(pictures):
    canvases, references = pictures
    agent, errors = policy(), []
    with torch.no_grad():
        for look in range(20):
            strokes, _ = agent(canvases, references, torch.full((2,), float(look)), ())
            canvases = laid(agent.brush, strokes, canvases)
            errors.append((canvases - references).square().mean((1, 2, 3)))
    assert (torch.stack(errors).diff(dim=0) <= 1e-6).all()
    assert (errors[-1] < 0.8 * errors[0]).all()


def test_on_a_finished_painting_nothing_is_laid(pictures):
    _, references = pictures
    agent = policy()
    strokes = agent.choose(agent.propose(references, references))
    assert not is_mark(agent.brush, strokes).any()


def test_every_proposal_teaches_the_network(pictures):
    agent = policy()
    agent.propose(*pictures).share.mean().backward()
    for name, weight in agent.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_a_share_is_of_the_error_in_the_window(pictures):
    """The whole canvas is the coarsest cell's window; a finest cell's is twelve pixels a side, cut at the edges."""
    canvases, references = pictures
    proposals = policy().propose(*pictures)
    error = (canvases - references).square().sum(1)
    for cell, window in ((0, error), (84, error[:, 24:, 24:]), (21 + 8 * 3 + 4, error[:, 8:20, 12:24])):
        side = 32 if cell == 0 else 12
        wanted = proposals.gain[:, cell] / (window.sum((1, 2)) + 0.003 * side * side)
        assert_close(proposals.share[:, cell], wanted, atol=1e-5, rtol=1e-4)


def test_the_network_is_shown_what_is_wrong(pictures):
    canvases, references = pictures
    agent, shown = policy(), []
    agent.down[0].register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    agent.propose(*pictures)
    assert_close(shown[0][:, :9], torch.cat([canvases, references, references - canvases], 1))


def test_a_coarse_stroke_goes_under_a_fine_one_that_gains_more(pictures):
    agent = policy(bundle=2)
    proposals = agent.propose(*pictures)
    proposals.gain.data[:] = -1.0
    proposals.gain.data[:, 84], proposals.gain.data[:, 1] = 10.0, 5.0
    chosen = agent.choose(proposals)
    assert torch.equal(chosen, proposals.strokes[:, [1, 84]])
