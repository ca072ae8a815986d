"""Painting by direct optimisation: blocks of strokes grow where the canvas is most wrong, and Adam moves all of them.

From coarse canvases to fine ones, with a loss that looks at the canvas after every block, so that the strokes' order
reads as a painting. No painter network, no agent: the rasteriser's gradient alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from painting.brushes import brush_named
from painting.brushes.brush import Brush
from painting.canvas import Canvas
from painting.constraints import Constraints
from painting.growth import new_strokes
from painting.objective import CONTENTS, Content, sequence_loss
from painting.raster import paint
from torch_utils import seeds as seeding

_EDGE = 0.02  # how near 0 and 1 a number may begin: at the ends a sigmoid has no slope


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a painting comes about.

    Attributes:
        blocks: in how many portions strokes are added; the canvas after each counts in the loss.
        stages: (share of the blocks, size as a share of the full canvas, Adam's steps after each of these blocks).
        finishing: Adam's steps once all strokes are there.
        rate: Adam's learning rate on logits; it falls to a tenth while finishing.
        content: name in `painting.objective.CONTENTS`.
        prefix_weight: of the canvases before the last in the loss.
        largest, smallest: half thickness of strokes as they begin, of the shorter side, first and last block.
        length: of strokes as they begin, in thicknesses.
        cap: no stroke covers more than this.
    """

    brush: str
    strokes: int
    blocks: int = 10
    stages: tuple[tuple[float, float, int], ...] = ((0.4, 0.25, 25), (0.8, 0.5, 15), (1.0, 1.0, 10))
    finishing: int = 60
    rate: float = 0.08
    content: str = "squared"
    prefix_weight: float = 0.5
    largest: float = 0.16
    smallest: float = 0.015
    length: float = 2.0
    cap: float = 1.0


@dataclass(frozen=True)
class Progress:
    """How far a painter is: steps done of all, strokes on the canvas, loss of the last step."""

    step: int
    steps: int
    strokes: int
    loss: float


class Painter:
    """Paints one reference; `strokes` is the painting so far, whenever one stops.

    Args:
        reference: RGB in 0…1, [3, H, W].
        background: RGB in 0…1, [3].
        content: instead of the plan's.
        brush: a learned painter of the plan's brush, to paint through in its place.
    """

    def __init__(
        self,
        plan: Plan,
        reference: Tensor,
        background: Tensor,
        seed: int,
        constraints: Constraints | None = None,
        *,
        content: Content | None = None,
        brush: Brush | None = None,
    ):
        self.plan, self.background = plan, background
        self.brush: Brush = brush or brush_named(plan.brush)
        self.constraints = constraints or Constraints()
        self._content = content or CONTENTS[plan.content]
        self.canvas = Canvas(*reference.shape[1:])
        self._reference = reference
        self._generator = seeding.generator(seed, "painting", plan.brush)
        self._logits: list[Tensor] = []
        self._optimiser = torch.optim.Adam([torch.zeros(0)], lr=plan.rate, betas=(0.9, 0.99))
        self._steps_done = 0

    @property
    def strokes(self) -> Tensor:
        """The strokes so far, in order, [n, columns], without gradient."""
        with torch.no_grad():
            return self._strokes() if self._logits else torch.zeros(0, len(self.brush.columns))

    def run(self) -> Iterator[Progress]:
        """Paint; yields after every step, where one may stop."""
        blocks = self._block_sizes()
        schedule = [self._stage(index, len(blocks)) for index in range(len(blocks))]
        steps = sum(count for _, count in schedule) + self.plan.finishing
        for index, (size, (scale, count)) in enumerate(zip(blocks, schedule, strict=True)):
            canvas = self.canvas.scaled(max(16, round(self.canvas.unit * scale)))
            self._grow(size, canvas, (index + 1) / len(blocks))
            for _ in range(count):
                yield self._step(canvas, (index + 1) / len(blocks), steps)
        yield from self._finish(steps)

    def improve(self, strokes: Tensor) -> Iterator[Progress]:
        """Take over a painting, [n, columns], and move its strokes for the plan's finishing steps; none is added."""
        for block in strokes.tensor_split(min(self.plan.blocks, len(strokes))):
            self._add(block)
        yield from self._finish(self.plan.finishing)

    def _finish(self, steps: int) -> Iterator[Progress]:
        for index in range(self.plan.finishing):
            self._set_rate(self.plan.rate * 0.1 ** (index / self.plan.finishing))
            yield self._step(self.canvas, 1.0, steps)

    def _block_sizes(self) -> list[int]:
        """Strokes in each block: as equal as can be, none empty."""
        blocks = min(self.plan.blocks, self.plan.strokes)
        edges = [round(index * self.plan.strokes / blocks) for index in range(blocks + 1)]
        return [high - low for low, high in pairwise(edges)]

    def _stage(self, index: int, blocks: int) -> tuple[float, int]:
        return next((scale, count) for share, scale, count in self.plan.stages if index < share * blocks)

    def _grow(self, count: int, canvas: Canvas, progress: float) -> None:
        plan, reference = self.plan, self._sized(canvas)
        picture = self._canvases(canvas, [sum(map(len, self._logits))])[0].detach()
        size = plan.largest * (plan.smallest / plan.largest) ** progress
        seeds = new_strokes(reference, picture, count, size=size, length=plan.length, generator=self._generator)
        self._add(self.brush.encode(seeds.points, seeds.size, seeds.colours))

    def _add(self, strokes: Tensor) -> None:
        logits = strokes.clamp(_EDGE, 1 - _EDGE).logit().requires_grad_()
        self._logits.append(logits)
        self._optimiser.add_param_group({"params": [logits]})

    def _step(self, canvas: Canvas, progress: float, steps: int) -> Progress:
        ends = torch.tensor([len(block) for block in self._logits]).cumsum(0).tolist()
        self._optimiser.zero_grad()
        canvases = self._canvases(canvas, ends)
        losses = self._content(canvases, self._sized(canvas), progress)
        loss = sequence_loss(losses, self.plan.prefix_weight)
        loss.backward()
        self._optimiser.step()
        self._steps_done += 1
        return Progress(self._steps_done, steps, ends[-1], loss.item())

    def _strokes(self) -> Tensor:
        return self.constraints.apply(self.brush, torch.cat(self._logits).sigmoid())

    def _canvases(self, canvas: Canvas, prefixes: list[int]) -> Tensor:
        strokes = self._strokes() if self._logits else self.strokes
        return paint(self.brush, strokes, self.background, canvas, prefixes=prefixes, cap=self.plan.cap)

    def _sized(self, canvas: Canvas) -> Tensor:
        if canvas == self.canvas:
            return self._reference
        size = (canvas.height, canvas.width)
        return F.interpolate(self._reference[None], size=size, mode="bilinear", antialias=True)[0]

    def _set_rate(self, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
