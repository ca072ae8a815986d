"""Learning to Paint's training: model-based deep deterministic policy gradients with a learned reward.

Source: Huang et al. 2019, sections 3 and 4; what the paper leaves open as in our specification (docs/painting.md). The
reward of a look is how much more a discriminator likes the canvas after it; a critic guesses what is still to come;
the gradient of both reaches the actor through the rasteriser.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from painting.agents.config import AgentConfig, DdpgConfig
from painting.agents.easel import laid
from painting.agents.faces import Faces
from painting.agents.learner import Learner, Part
from painting.agents.renderer import renderer
from painting.agents.replay import Replay, dequantised, quantised
from painting.agents.resnet import Critic, Discriminator, ResnetPolicy
from painting.agents.sittings import Sittings
from painting.agents.wasserstein import critic_loss
from painting.brushes import brush_named
from torch_utils.averages import follow

_DROP = 10**-0.5  # what a drop of the learning rates multiplies them by


def build(config: AgentConfig) -> ResnetPolicy:
    """The agent of these options, its weights drawn from torch's own generator."""
    assert isinstance(config.method, DdpgConfig)
    return ResnetPolicy(brush_named(config.brush), config.size, config.bundle, config.steps, width=config.method.width)


class DdpgLearner(Learner):
    """Actor, critic, discriminator, a slow copy of each, and the replay."""

    def __init__(self, config: AgentConfig, faces: Faces):
        super().__init__(config, faces, build(config).to(faces.learnt.device))
        assert isinstance(config.method, DdpgConfig)
        self._options, device = config.method, faces.learnt.device
        self._renders = renderer(config.method.renderer, config.brush, device)
        self._critic = Critic(config.size, config.steps, width=config.method.width).to(device)
        self._judge = Discriminator().to(device)
        self._slow = [copy.deepcopy(net).requires_grad_(False) for net in (self.policy, self._critic, self._judge)]
        self._sittings, self._replay = Sittings(config, faces, config.batch), Replay(self._options.replay)
        self._adams = {
            "actor": torch.optim.Adam(self.policy.parameters(), lr=self._options.lr),
            "critic": torch.optim.Adam(self._critic.parameters(), lr=self._options.critic_lr),
            "judge": torch.optim.Adam(self._judge.parameters(), lr=self._options.judge_lr, betas=(0.5, 0.999)),
        }

    def update(self, step: int) -> dict[str, Tensor]:
        options = self._options
        for _ in range(options.looks if len(self._replay) else options.warmup):
            self._look()
        drop = _DROP ** sum(step >= drop for drop in options.drops)
        for name, lr in (("actor", options.lr), ("critic", options.critic_lr)):
            for group in self._adams[name].param_groups:
                group["lr"] = lr * drop
        looks = self._replay.draw(self.config.batch)
        before, references = dequantised(looks.canvases), self.faces.references(looks.which, looks.mirrored)
        after = laid(self._renders, looks.strokes, before)
        losses = {
            "loss/judge": self._teach("judge", critic_loss(self._judge, references, after)),
            "loss/critic": self._teach("critic", self._critic_loss(before, after, references, looks.step)),
            "loss/policy": self._teach("actor", self._actor_loss(before, references, looks.step)),
        }
        for slow, fast in zip(self._slow, (self.policy, self._critic, self._judge), strict=True):
            follow(slow, fast, options.tau)
        self.average(step)
        return losses

    @torch.no_grad()
    def _look(self) -> None:
        """One look at every sitting, noted in the replay."""
        self.policy.eval()
        sittings = self._sittings
        strokes, _ = self.policy(sittings.canvases, sittings.references, sittings.step, ())
        if self._options.noise:
            spread = self._options.noise * torch.rand(len(strokes), 1, 1, device=strokes.device)
            strokes = (strokes + spread * torch.randn_like(strokes)).clamp(0, 1)
        self._replay.add(sittings, strokes)
        sittings.go_on(dequantised(quantised(laid(self._renders, strokes, sittings.canvases))))

    def _reward(self, before: Tensor, after: Tensor, references: Tensor) -> Tensor:
        """How much more the slow discriminator likes a canvas after a look, [B]."""
        judge = self._slow[2]
        return judge(references, after) - judge(references, before)

    def _critic_loss(self, before: Tensor, after: Tensor, references: Tensor, step: Tensor) -> Tensor:
        """After a look the critic says what is to come: γ times the next look's reward and what comes after that."""
        actor, critic, _ = self._slow
        with torch.no_grad():
            actor.eval()
            strokes, _ = actor(after, references, step + 1, ())
            later = laid(self._renders, strokes, after)
            worth = critic(after, later, references, step + 1) + self._reward(after, later, references)
            to_come = self._options.gamma * (step + 1 < self.config.steps) * worth
        return (self._critic(before, after, references, step) - to_come).square().mean()

    def _actor_loss(self, before: Tensor, references: Tensor, step: Tensor) -> Tensor:
        self.policy.train()
        strokes, _ = self.policy(before, references, step, ())
        after = laid(self._renders, strokes, before)
        worth = self._critic(before, after, references, step) + self._reward(before, after, references)
        return -worth.mean()

    def _teach(self, name: str, loss: Tensor) -> Tensor:
        """A step of one network alone; what a loss does to others is not computed."""
        network = {"actor": self.policy, "critic": self._critic, "judge": self._judge}[name]
        weights = list(network.parameters())
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = slope
        self._adams[name].step()
        return loss.detach()

    def parts(self) -> Mapping[str, Part]:
        parts: dict[str, Part] = {"critic": self._critic, "judge": self._judge}
        parts |= {f"slow {name}": net for name, net in zip(self._adams, self._slow, strict=True)}
        return parts | {f"adam {name}": adam for name, adam in self._adams.items()}

    def contents(self) -> dict[str, Any]:
        return super().contents() | {"sittings": self._sittings.contents(), "replay": self._replay.contents()}

    def fill(self, contents: dict[str, Any]) -> None:
        super().fill(contents)
        self._sittings.fill(contents["sittings"])
        self._replay.fill(contents["replay"], self.faces.learnt.device)
