"""What every way of training an agent has: its networks, one update, and everything needed to go on later."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from painting.agents.config import AgentConfig
from painting.agents.faces import Faces
from painting.agents.policy import Policy
from torch_utils.averages import follow, settling

Part = nn.Module | torch.optim.Optimizer


class Learner(ABC):
    """Attributes:
    policy: the agent as it learns; used: its moving average, which is measured and saved.
    """

    def __init__(self, config: AgentConfig, faces: Faces, policy: Policy):
        self.config, self.faces, self.policy = config, faces, policy
        self.used = copy.deepcopy(policy).requires_grad_(False).eval()

    @abstractmethod
    def update(self, step: int) -> dict[str, Tensor]:
        """One update; everything random in it is a function of (seed, step). What to report, by name."""

    @abstractmethod
    def parts(self) -> Mapping[str, Part]:
        """Networks and optimisers beside the policy, by name."""

    def contents(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors and numbers."""
        return {name: part.state_dict() for name, part in self._all().items()}

    def fill(self, contents: dict[str, Any]) -> None:
        """Put what `contents` gave into this."""
        for name, part in self._all().items():
            part.load_state_dict(contents[name])

    def _all(self) -> dict[str, Part]:
        return {"policy": self.policy, "used": self.used, **self.parts()}

    def average(self, step: int) -> None:
        """Move the average towards the weights, faster at first."""
        follow(self.used, self.policy, settling(self.config.ema, step))
