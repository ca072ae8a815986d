"""Painting by a trained agent: it looks at the canvas, says strokes, and looks again."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from painting.agents.agent_file import LoadedAgent
from painting.agents.frames import framed
from painting.agents.policy import is_mark, seen
from painting.canvas import Canvas
from painting.constraints import Constraints
from painting.objective import Content
from painting.optimise import Painter, Plan, Progress
from painting.raster import paint


class AgentPainter:
    """Paints one reference; `strokes` is the painting so far, whenever one stops.

    With `divide` d the first half of the looks goes to the whole picture, and the second half to d×d parts of it, each
    as if it were a picture of its own; their strokes belong to the whole canvas and may cross the parts' edges.

    Args:
        reference: RGB in 0…1, [3, H, W].
        background: RGB in 0…1, [3].
        strokes: how many are planned; fewer are laid where the agent sees nothing to improve.
        cap: no stroke covers more than this.
        refine: how the strokes are moved at last by direct optimisation, or None; content: towards what.
    """

    def __init__(
        self,
        agent: LoadedAgent,
        reference: Tensor,
        background: Tensor,
        *,
        strokes: int,
        divide: int = 1,
        cap: float = 1.0,
        constraints: Constraints | None = None,
        refine: Plan | None = None,
        content: Content | None = None,
    ):
        self._policy, self.brush, self._reference = agent.policy, agent.policy.brush, reference
        self.canvas, self._cap, self._divide = Canvas(*reference.shape[1:]), cap, divide
        self._constraints, self._planned = constraints or Constraints(), strokes
        self._background, self._refine, self._content = background, refine, content
        self._picture = background[:, None, None].expand_as(reference).clone()
        self._laid: list[Tensor] = []

    @property
    def strokes(self) -> Tensor:
        """The strokes so far, in order, [n, columns]."""
        return torch.cat(self._laid) if self._laid else torch.zeros(0, len(self.brush.columns))

    def run(self) -> Iterator[Progress]:
        """Paint; yields after every look, where one may stop."""
        whole, parts = self._looks()
        moves = self._refine.finishing if self._refine else 0
        for divide, looks, before in ((1, whole, 0), (self._divide, parts, whole)):
            memory = self._policy.start(divide**2)
            for look in range(looks):
                step = torch.full((divide**2,), look * self._policy.steps / looks)
                with torch.no_grad():
                    said, memory = self._policy(*self._views(divide), step, memory)
                    self._lay(said, divide)
                yield self._progress(before + look + 1, whole + parts + moves)
        if self._refine and len(self.strokes):
            painter = Painter(
                self._refine, self._reference, self._background, 0, self._constraints, content=self._content
            )
            for progress in painter.improve(self.strokes):
                self._laid = [painter.strokes]
                yield replace(progress, step=whole + parts + progress.step, steps=whole + parts + moves)

    def _looks(self) -> tuple[int, int]:
        """At the whole and at its parts."""
        bundle, parts = self._policy.bundle, self._divide**2
        if parts == 1:
            return -(-self._planned // bundle), 0
        each = -(-self._planned // (bundle * (1 + parts)))
        return each, each

    def _views(self, divide: int) -> tuple[Tensor, Tensor]:
        """Canvas and reference of each part as the agent sees them, [divide², 3, size, size]."""
        views = []
        for picture in (self._picture, self._reference):
            rows = [_cut(self.canvas.height, place, divide) for place in range(divide)]
            columns = [_cut(self.canvas.width, place, divide) for place in range(divide)]
            parts = [picture[None, :, own, across] for own in rows for across in columns]
            views.append(torch.cat([seen(part, self._policy.size) for part in parts]))
        return views[0], views[1]

    def _lay(self, said: Tensor, divide: int) -> None:
        """Put what was said of each part, [divide², bundle, columns], on the canvas."""
        if divide > 1:
            place = torch.arange(divide)
            corners = torch.stack(torch.meshgrid(place, place, indexing="ij"), dim=-1).reshape(-1, 1, 2) / divide
            said = framed(self.brush, said, corners, 1 / divide)
        strokes = said.transpose(0, 1).flatten(0, 1)  # the first stroke of every part, then the second
        strokes = strokes[is_mark(self.brush, strokes)][: self._planned - len(self.strokes)]
        strokes = self._constraints.apply(self.brush, strokes)
        self._picture = paint(self.brush, strokes, self._picture, self.canvas, cap=self._cap)[0]
        self._laid.append(strokes)

    def _progress(self, look: int, looks: int) -> Progress:
        error = (self._picture - self._reference).square().mean().item()
        return Progress(look, looks, len(self.strokes), error)


def _cut(length: int, place: int, divide: int) -> slice:
    return slice(place * length // divide, (place + 1) * length // divide)
