"""Paintings under way while an agent learns: each at its own stage, a new one begun where one is done."""

from typing import Any

import torch
from torch import Tensor

from painting.agents.config import AgentConfig
from painting.agents.faces import Faces
from torch_utils import seeds as seeding


class Sittings:
    """`count` paintings, at stages spread over the whole course.

    Attributes:
        canvases: RGB in 0…1, [count, 3, size, size].
        step: looks so far, float [count].
        which, mirrored: the reference of each, [count].
    """

    def __init__(self, config: AgentConfig, faces: Faces, count: int):
        device = faces.learnt.device
        self._config, self._faces, self._begun = config, faces, 0
        self._empty = torch.tensor(config.background, device=device)[:, None, None]
        self.canvases = self._empty.expand(count, 3, config.size, config.size).clone()
        self.step = (torch.arange(count, device=device) % config.steps).float()
        self.which = torch.zeros(count, dtype=torch.int64)
        self.mirrored = torch.zeros(count, dtype=torch.bool)
        self._begin(torch.ones(count, dtype=torch.bool))

    @property
    def references(self) -> Tensor:
        """RGB in 0…1, [count, 3, size, size]."""
        return self._faces.references(self.which, self.mirrored)

    def go_on(self, canvases: Tensor) -> Tensor:
        """Take the canvases after another look; finished paintings give way to new ones. Which those are, bool."""
        self.canvases, self.step = canvases.detach(), self.step + 1
        done = self.step >= self._config.steps
        if done.any():
            self.canvases = torch.where(done[:, None, None, None], self._empty, self.canvases)
            self.step = torch.where(done, 0, self.step)
            self._begin(done.cpu())
        return done

    def contents(self) -> dict[str, Any]:
        names = ("canvases", "step", "which", "mirrored")
        return {name: getattr(self, name) for name in names} | {"begun": self._begun}

    def fill(self, contents: dict[str, Any]) -> None:
        """Put what `contents` gave into this."""
        device = self._faces.learnt.device
        self.canvases, self.step = contents["canvases"].to(device), contents["step"].to(device)
        self.which, self.mirrored = contents["which"].cpu(), contents["mirrored"].cpu()
        self._begun = contents["begun"]

    def _begin(self, where: Tensor) -> None:
        """New references, a function of the seed and of how many were begun before."""
        count = int(where.sum())
        chance = seeding.generator(self._config.seed, "references", self._begun)
        self.which[where] = torch.randint(len(self._faces.learnt), (count,), generator=chance)
        self.mirrored[where] = (torch.rand(count, generator=chance) < 0.5) & self._config.flip
        self._begun += count
