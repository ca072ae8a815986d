"""The state of a painter's training: a learner, the average of its weights, how far it is, what was measured."""

import copy
import math
from typing import Any

import torch

from painting.learned.config import PainterConfig
from painting.learned.learners import LEARNERS
from torch_utils.averages import follow, settling
from torch_utils.errors import DivergedError


class TrainingState:
    """Everything that moves. `average` is the painter as it paints: the mean of its weights over the last steps."""

    def __init__(self, config: PainterConfig, device: torch.device):
        self.config, self.device = config, device
        self.learner = LEARNERS[config.arch](config, device)
        self.average = copy.copy(self.learner.painter)
        self.average.network = copy.deepcopy(self.learner.painter.network).eval().requires_grad_(False)
        self.step = 0
        self.cpu_seconds = 0.0
        self.sums: dict[str, float] = {}  # of what steps measured since the last look
        self.counts: dict[str, int] = {}
        self.history: list[dict[str, float]] = []

    @property
    def is_over(self) -> bool:
        return self.step >= self.config.steps

    def take_step(self) -> None:
        """Learn, and move the average, faster at first.

        Raises:
            DivergedError: something measured is no number.
        """
        for name, value in self.learner.take_step(self.step).items():
            if not math.isfinite(value):
                words = f"step {self.step + 1}: {name} is {value}, the painter has run away"
                raise DivergedError(f"{words}. Use another --seed or a larger --batch.")
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        follow(self.average.network, self.learner.painter.network, settling(self.config.ema, self.step))
        self.step += 1

    def means(self) -> dict[str, float]:
        """Of what steps measured since the last call."""
        found = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return found

    def contents(self) -> dict[str, Any]:
        """Everything needed to go on; what is random in a step is a function of its number."""
        return {
            "modules": {name: module.state_dict() for name, module in self.learner.modules.items()},
            "average": self.average.network.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.learner.optimisers.items()},
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            "sums": self.sums,
            "counts": self.counts,
            "history": self.history,
        }

    def fill(self, contents: dict[str, Any]) -> None:
        """Put what `contents` gave into this state."""
        for name, module in self.learner.modules.items():
            module.load_state_dict(contents["modules"][name])
        for name, optimiser in self.learner.optimisers.items():
            optimiser.load_state_dict(contents["optimisers"][name])
        self.average.network.load_state_dict(contents["average"])
        self.step, self.cpu_seconds = contents["step"], contents["cpu_seconds"]
        self.sums, self.counts, self.history = contents["sums"], contents["counts"], contents["history"]
