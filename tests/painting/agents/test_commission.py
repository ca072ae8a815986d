"""From a command line to a painter that is an agent: what it is given, and what is refused."""

from pathlib import Path

import pytest
import torch

from painting.agents.painter import AgentPainter
from painting.commission import Commission, commissioned
from painting.constraints import Constraints
from painting.request import Request
from tests.support.painted import drawn_face
from torch_utils.errors import ConfigError


@pytest.fixture
def ask(agent):
    """Commission the agent of 8 looks of 5 strokes."""

    def call(**options) -> Commission:
        return commissioned(Request(method="ltp-agent", agent=agent.agent, **options))

    return call


def painted(commission: Commission, side: int = 32, **rules) -> tuple[AgentPainter, int]:
    painter = commission.painter(drawn_face(3, side), 0, Constraints(**rules))
    assert isinstance(painter, AgentPainter)
    return painter, len(list(painter.run()))


@pytest.mark.parametrize(("divide", "strokes"), [(1, 40), (2, 100), (3, 200)])
def test_the_agents_own_number_of_strokes(ask, divide, strokes):
    """Half of its looks go to the whole, and half to each part."""
    commission = ask(divide=divide)
    assert commission.plan.strokes == strokes
    assert painted(commission)[1] == 8


def test_a_number_of_strokes_that_is_asked_for(ask):
    painter, looks = painted(ask(strokes=12))
    assert looks == 3 and len(painter.strokes) <= 12


def test_parts_refining_and_content_reach_the_painter(ask):
    plain, refined = ask(divide=2), ask(divide=2, refine=3)
    assert painted(plain)[1] == 8 and painted(refined)[1] == 8 + 3
    assert plain.content is None and refined.content is not None
    assert "content" in refined.about and "content" not in plain.about


def test_content_is_what_strokes_are_refined_towards(ask):
    squared, pyramid = (painted(ask(refine=5, content=name))[0].strokes for name in ("squared", "pyramid"))
    assert squared.shape == pyramid.shape and not torch.equal(squared, pyramid)


def test_the_canvas_is_the_agents_own_unless_another_is_asked_for(ask):
    assert ask().background == (0, 0, 0)
    assert ask(background="white").background == (1, 1, 1)


def test_the_cap_is_none_unless_asked_for_and_holds(ask):
    assert ask().plan.cap == 1.0
    assert ask(cap=0.3).plan.cap == 0.3
    full, thin = (commission.painter(drawn_face(3, 32), 0, Constraints()) for commission in (ask(), ask(cap=0.3)))
    assert next(iter(thin.run())).loss > next(iter(full.run())).loss


def test_a_tools_agent_has_its_brush_and_not_the_pencils_cap(learn, tmp_path):
    small = ("method.width=8", "method.widest=16")
    trained = learn(tmp_path, "analytic", *small, brush="ink", size=16, steps=1, bundle=1, batch=2, updates=1)
    plan = commissioned(Request(method="ist-agent", agent=trained.agent)).plan
    assert (plan.brush, plan.cap, plan.strokes) == ("ink", 1.0, 1)


def test_rules_hold_for_an_agent(ask):
    strokes = painted(ask(), mono=True)[0].strokes
    assert (strokes[:, 10:13].amax(1) - strokes[:, 10:13].amin(1)).max() < 1e-6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"content": "squared"}, "Add --refine STEPS"),
        ({"pyramid": 1.0}, "Add --refine STEPS"),
        ({"cap": 0.0}, "--cap 0.0: not above 0"),
        ({"painter": Path("p.safetensors")}, "--painter p.safetensors: an agent paints with the brush it learnt"),
        ({"divide": 9}, "--divide 9"),
        ({"refine": 1001}, "--refine 1001"),
        ({"strokes": 0}, "--strokes 0"),
    ],
)
def test_what_does_not_fit_is_refused(ask, options, said):
    with pytest.raises(ConfigError, match=said):
        ask(**options)
