"""The neural painters' training: gradients through a whole painting, to please a critic and to be close.

Source: Nakano 2019 (an adversarial agent without reinforcement learning), as in our specification: the last canvas
alone is scored.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from painting.agents.config import AdversarialConfig, AgentConfig
from painting.agents.easel import laid
from painting.agents.faces import Faces
from painting.agents.learner import Learner, Part
from painting.agents.recurrent import ConditionalCritic, RecurrentPolicy
from painting.agents.renderer import renderer
from painting.agents.wasserstein import critic_loss
from painting.brushes import brush_named
from torch_utils import seeds as seeding


def build(config: AgentConfig) -> RecurrentPolicy:
    """The agent of these options, its weights drawn from torch's own generator."""
    return RecurrentPolicy(brush_named(config.brush), config.size, config.steps)


class AdversarialLearner(Learner):
    """The critic learns `critic_updates` times between updates of the agent, each time from new paintings."""

    def __init__(self, config: AgentConfig, faces: Faces):
        super().__init__(config, faces, build(config).to(faces.learnt.device))
        assert isinstance(config.method, AdversarialConfig)
        self._options, betas = config.method, (0.5, 0.9)
        self._renders = renderer(config.method.renderer, config.brush, faces.learnt.device)
        self._critic = ConditionalCritic(width=config.method.critic_width).to(faces.learnt.device)
        self._adam = torch.optim.Adam(self.policy.parameters(), lr=config.method.lr, betas=betas)
        self._critic_adam = torch.optim.Adam(self._critic.parameters(), lr=config.method.lr, betas=betas)
        self._background = torch.tensor(config.background, device=faces.learnt.device)

    def update(self, step: int) -> dict[str, Tensor]:
        judged = torch.zeros(())
        for turn in range(self._options.critic_updates):
            judged = self._teach_critic(step, turn)
        references, canvases = self._paint(step, self._options.critic_updates)
        error = (canvases - references).square().mean()
        pleasing = self._critic(references, canvases).mean()
        self._adam.zero_grad(set_to_none=True)
        (self._options.squared_weight * error - pleasing).backward()
        self._adam.step()
        self.average(step)
        return {"loss/critic": judged, "loss/pleasing": pleasing.detach(), "loss/squared": error.detach()}

    def _teach_critic(self, step: int, turn: int) -> Tensor:
        with torch.no_grad():
            references, canvases = self._paint(step, turn)
        loss = critic_loss(self._critic, references, canvases)
        self._critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        self._critic_adam.step()
        return loss.detach()

    def _paint(self, step: int, turn: int) -> tuple[Tensor, Tensor]:
        """New references, and what the agent makes of them: both [batch, 3, size, size]."""
        config, chance = self.config, seeding.generator(self.config.seed, "references", step, turn)
        which = torch.randint(len(self.faces.learnt), (config.batch,), generator=chance)
        mirrored = (torch.rand(config.batch, generator=chance) < 0.5) & config.flip
        references = self.faces.references(which, mirrored)
        canvases = self._background[:, None, None].expand_as(references)
        memory = self.policy.start(config.batch)
        for look in range(config.steps):
            now = torch.full((config.batch,), float(look), device=references.device)
            strokes, memory = self.policy(canvases, references, now, memory)
            canvases = laid(self._renders, strokes, canvases)
        return references, canvases

    def parts(self) -> Mapping[str, Part]:
        return {"critic": self._critic, "adam": self._adam, "adam critic": self._critic_adam}
