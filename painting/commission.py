"""From what is asked for to a painter: what `paint.py paint` checks, and the one place that chooses among painters."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from painting.brushes import brush_named
from painting.canvas import Canvas
from painting.colours import check_palette, parse_colour
from painting.constraints import Constraints
from painting.content import Chosen, content_named
from painting.learned.snapshot import LoadedPainter, painter_of
from painting.methods import AGENT_BRUSHES, METHODS, MOST_STROKES, STROKES
from painting.optimise import Painter, Plan, Progress
from painting.references import check_size
from painting.request import Request
from torch_utils.errors import ConfigError

if TYPE_CHECKING:
    from painting.agents.agent_file import LoadedAgent

_MOST_PARTS, _MOST_MOVES = 8, 1000


class Paints(Protocol):
    """A painter of one reference: `strokes` is the painting so far, whenever one stops."""

    @property
    def canvas(self) -> Canvas: ...
    @property
    def strokes(self) -> Tensor: ...
    def run(self) -> Iterator[Progress]: ...


@dataclass(frozen=True, kw_only=True)
class Commission:
    """A request, checked.

    Attributes:
        plan: of an agent's painting brush, strokes, cap and, if it is refined, how.
        background: RGB in 0…1.
        content: what direct optimisation works towards; None where there is none.
        learned: a painter to optimise through in the brush's place.
        about: of the painter, for the files.
    """

    plan: Plan
    background: tuple[float, ...]
    content: Chosen | None
    agent: "LoadedAgent | None" = None
    learned: LoadedPainter | None = None
    divide: int = 1
    about: dict[str, str] = field(default_factory=dict)

    def painter(self, reference: Tensor, seed: int, constraints: Constraints) -> Paints:
        """For one reference, RGB in 0…1, [3, H, W]."""
        background = torch.tensor(self.background)
        content = self.content.of_seed(seed) if self.content else None
        if self.agent is None:
            brush = self.learned.brush if self.learned else None
            return Painter(self.plan, reference, background, seed, constraints, content=content, brush=brush)
        from painting.agents.painter import AgentPainter

        return AgentPainter(
            self.agent,
            reference,
            background,
            strokes=self.plan.strokes,
            divide=self.divide,
            cap=self.plan.cap,
            constraints=constraints,
            refine=self.plan if self.plan.finishing else None,
            content=content,
        )


def commissioned(asked: Request) -> Commission:
    """Check what is asked for.

    Raises:
        UserError: an unknown method or brush, numbers out of range, an agent that is missing or does not fit.
    """
    if asked.method not in (*METHODS, *AGENT_BRUSHES):
        names = ", ".join((*METHODS, *AGENT_BRUSHES))
        raise ConfigError(f"--method {asked.method}: no such method. Use one of {names}.")
    if asked.strokes is not None and not 1 <= asked.strokes <= MOST_STROKES:
        raise ConfigError(f"--strokes {asked.strokes}: from 1 to {MOST_STROKES} can be painted. Use for example 100.")
    check_size(asked.size, "--size")
    check_size(asked.out_size, "--out-size")
    if asked.palette is not None:
        check_palette(asked.palette)
    if asked.cap is not None and not 0 < asked.cap <= 1:
        raise ConfigError(f"--cap {asked.cap}: not above 0 and at most 1. Use 1 for none.")
    background = parse_colour(asked.background, "--background") if asked.background is not None else None
    return _of_agent(asked, background) if asked.method in AGENT_BRUSHES else _of_optimiser(asked, background)


def _of_optimiser(asked: Request, background: tuple[float, ...] | None) -> Commission:
    if asked.agent is not None or asked.divide != 1 or asked.refine:
        raise ConfigError(
            f"--method {asked.method}: paints without an agent. "
            f"Leave --agent, --divide and --refine out, or use --method {asked.method}-agent."
        )
    plan = METHODS[asked.method](STROKES[asked.method] if asked.strokes is None else asked.strokes)
    if asked.brush is not None:
        plan = replace(plan, brush=brush_named(asked.brush).name)
    content = content_named(asked.content or plan.content, asked.pyramid)
    learned = painter_of(asked.painter, plan.brush, "--painter") if asked.painter else None
    return Commission(
        plan=_capped(plan, asked),
        background=background or (1.0, 1.0, 1.0),
        content=content,
        learned=learned,
        about={"content": content.line} | (learned.about if learned else {}),
    )


def _of_agent(asked: Request, background: tuple[float, ...] | None) -> Commission:
    from painting.agents.agent_file import load_agent

    if asked.agent is None:
        raise ConfigError(
            f"--method {asked.method}: needs a trained agent. Add --agent FILE of paint.py train-agent, "
            f"or use --method {asked.method.removesuffix('-agent')}, which needs none."
        )
    for option, given in (("--brush", asked.brush), ("--painter", asked.painter)):
        if given is not None:
            raise ConfigError(f"{option} {given}: an agent paints with the brush it learnt. Leave {option} out.")
    if not 1 <= asked.divide <= _MOST_PARTS or not 0 <= asked.refine <= _MOST_MOVES:
        raise ConfigError(
            f"--divide {asked.divide}, --refine {asked.refine}: parts a side go from 1 to {_MOST_PARTS}, "
            f"steps of refining from 0 to {_MOST_MOVES}. Use for example --divide 2 --refine 40."
        )
    if not asked.refine and (asked.content is not None or asked.pyramid is not None):
        raise ConfigError("--content and --pyramid: what an agent's strokes are refined towards. Add --refine STEPS.")
    agent = load_agent(asked.agent)
    config = agent.info.config
    if config.brush not in AGENT_BRUSHES[asked.method]:
        other = next(name for name, brushes in AGENT_BRUSHES.items() if config.brush in brushes)
        raise ConfigError(f"--method {asked.method}: {asked.agent} paints with {config.brush}. Use --method {other}.")
    looks = (1 + asked.divide**2) / 2  # half at the whole, half at each part
    strokes = asked.strokes or min(MOST_STROKES, round(config.strokes * looks))
    plan = METHODS[asked.method.removesuffix("-agent")](strokes)
    plan = replace(plan, brush=config.brush, finishing=asked.refine, cap=1.0)
    about = {
        "agent": Path(asked.agent).name,
        "agent digest": agent.info.digest,
        "agent data": str(agent.info.data.get("name", "")),
    }
    content = content_named(asked.content or plan.content, asked.pyramid) if asked.refine else None
    if content:
        about["content"] = content.line
    return Commission(
        plan=_capped(plan, asked),
        background=background or config.background,
        content=content,
        agent=agent,
        divide=asked.divide,
        about=about,
    )


def _capped(plan: Plan, asked: Request) -> Plan:
    return plan if asked.cap is None else replace(plan, cap=asked.cap)
