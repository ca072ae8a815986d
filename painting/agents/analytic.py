"""Training by the rasteriser's own gradient: every proposal is to improve what it covers; there is no critic."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from painting.agents.cells import CellPolicy
from painting.agents.config import AgentConfig, AnalyticConfig
from painting.agents.easel import laid
from painting.agents.faces import Faces
from painting.agents.learner import Learner, Part
from painting.agents.sittings import Sittings
from painting.brushes import brush_named

_WARMUP, _LEAST = 50, 0.05  # updates; share of the rate that is left in the end
_STEEPEST = 1.0  # norm of a gradient, at most


def build(config: AgentConfig) -> CellPolicy:
    """The agent of these options, its weights drawn from torch's own generator."""
    assert isinstance(config.method, AnalyticConfig)
    shape = {"width": config.method.width, "widest": config.method.widest, "finest": config.method.finest}
    return CellPolicy(brush_named(config.brush), config.size, config.bundle, config.steps, **shape)


class AnalyticLearner(Learner):
    """The loss is minus the mean share of its window's error that a proposal removes, so that late, fine strokes count
    as much as the first broad ones."""

    policy: CellPolicy

    def __init__(self, config: AgentConfig, faces: Faces):
        super().__init__(config, faces, build(config).to(faces.learnt.device))
        self._sittings = Sittings(config, faces, config.batch)
        self._adam = torch.optim.Adam(self.policy.parameters(), lr=config.method.lr, betas=(0.9, 0.99))

    def update(self, step: int) -> dict[str, Tensor]:
        for group in self._adam.param_groups:
            group["lr"] = self.config.method.lr * rate(step, self.config.updates)
        canvases, references = self._sittings.canvases, self._sittings.references
        proposals = self.policy.propose(canvases, references)
        loss = -proposals.share.mean()
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), _STEEPEST)
        self._adam.step()
        self.average(step)
        with torch.no_grad():
            self._sittings.go_on(laid(self.policy.brush, self.policy.choose(proposals), canvases))
        return {"loss/policy": loss.detach()}

    def parts(self) -> Mapping[str, Part]:
        return {"adam": self._adam}

    def contents(self) -> dict[str, Any]:
        return super().contents() | {"sittings": self._sittings.contents()}

    def fill(self, contents: dict[str, Any]) -> None:
        super().fill(contents)
        self._sittings.fill(contents["sittings"])


def rate(step: int, updates: int) -> float:
    """Of the learning rate: rises over the first updates, then falls along a cosine."""
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / updates)))
    return min(1.0, (step + 1) / _WARMUP) * max(_LEAST, falling)
