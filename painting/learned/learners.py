"""What one step of training is for each kind of painter."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from painting.brushes import brush_named
from painting.canvas import Canvas
from painting.learned import gan, vae
from painting.learned.architectures import ARCHITECTURES
from painting.learned.brush import shape_columns, shape_of
from painting.learned.config import PainterConfig, at_share
from painting.learned.drawing import Batch, draw
from painting.learned.losses import LOSSES
from torch_utils import seeds as seeding


class Learner(ABC):
    """A painter in training.

    Attributes:
        painter: as a brush; its network is what is learned.
        modules, optimisers: everything a checkpoint must hold besides the number of steps, by name.
    """

    def __init__(self, config: PainterConfig, device: torch.device):
        self.config, self.device = config, device
        self.imitated = brush_named(config.brush)
        self.canvas = Canvas(config.size, config.size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeding.derive(config.seed, "weights", config.arch))
            self.painter = ARCHITECTURES[config.arch].build(self.imitated, config.size)
            self.modules: dict[str, nn.Module] = {"painter": self.painter.network, **self._others()}
        for module in self.modules.values():
            module.to(device)
        self.optimisers = self._optimisers()

    @abstractmethod
    def take_step(self, step: int) -> dict[str, float]:
        """Learn from fresh strokes; gives what was measured on the way."""

    def _others(self) -> dict[str, nn.Module]:
        return {}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"painter": self._adam(self.modules["painter"])}

    def _adam(self, *modules: nn.Module) -> torch.optim.Adam:
        weights = [weight for module in modules for weight in module.parameters()]
        return torch.optim.Adam(weights, lr=self.config.rates[0][1], betas=self.config.betas, fused=True)

    def _fresh(self, step: int, part: int = 0) -> Batch:
        config = self.config
        return draw(self.imitated, config.batch, config.size, self.device, config.seed, "training", step, part)

    def _numbers(self, batch: Batch) -> Tensor:
        return shape_of(self.imitated, batch.strokes)

    def _loss(self, drawn: Tensor, batch: Batch, share: float) -> Tensor:
        return LOSSES[self.config.loss](drawn, batch.opacity, share < self.config.ink_until)

    def _descend(self, name: str, loss: Tensor, rate: float) -> None:
        optimiser = self.optimisers[name]
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def _random(self, name: str, step: int, part: int = 0) -> torch.Generator:
        return seeding.generator(self.config.seed, name, step, part)


class Regression(Learner):
    """`fcn`, `geo`: draw a stroke, compare with the brush's."""

    def take_step(self, step: int) -> dict[str, float]:
        share = step / self.config.steps
        batch = self._fresh(step)
        loss = self._loss(self.painter.whole(batch.strokes, self.canvas), batch, share)
        self._descend("painter", loss, at_share(self.config.rates, share))
        return {"loss": loss.item()}


class Adversarial(Learner):
    """`gan`: a critic's verdict by WGAN-GP, and a loss against the brush's opacities."""

    penalty = 10.0  # weight of the gradient penalty

    def _others(self) -> dict[str, nn.Module]:
        return {"critic": gan.Critic(len(shape_columns(self.imitated)), self.config.size)}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {name: self._adam(module) for name, module in self.modules.items()}

    def take_step(self, step: int) -> dict[str, float]:
        share, critic = step / self.config.steps, self.modules["critic"]
        rate = at_share(self.config.rates, share)
        gap = 0.0
        for part in range(1, self.config.critic_steps + 1):
            gap = self._teach_critic(step, part, rate)
        batch = self._fresh(step)
        drawn = self.painter.whole(batch.strokes, self.canvas)
        verdict = critic(drawn, self._numbers(batch)).mean()
        loss = self._loss(drawn, batch, share)
        self._descend("painter", at_share(self.config.weights, share) * loss - verdict, rate)
        return {"loss": loss.item(), "critic_gap": gap}

    def _teach_critic(self, step: int, part: int, rate: float) -> float:
        """One step of the critic; gives by how much it takes real strokes for more real than drawn ones."""
        critic = self.modules["critic"]
        assert isinstance(critic, gan.Critic)
        batch = self._fresh(step, part)
        numbers = self._numbers(batch)
        with torch.no_grad():
            drawn = self.painter.whole(batch.strokes, self.canvas)
        mix = torch.rand(len(drawn), generator=self._random("mix", step, part)).to(self.device)
        gap = critic(batch.opacity, numbers).mean() - critic(drawn, numbers).mean()
        slope = gan.gradient_penalty(critic, batch.opacity, drawn, numbers, mix)
        self._descend("critic", self.penalty * slope - gap, rate)
        return gap.item()


class Autoencoding(Learner):
    """`vae`: first an autoencoder of strokes' pictures, then a predictor of their codes, the rest standing still."""

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        network = self._network
        return {
            "autoencoder": self._adam(network.encoder, network.decoder),
            "predictor": self._adam(network.predictor),
        }

    @property
    def _network(self) -> vae.Painter:
        network = self.modules["painter"]
        assert isinstance(network, vae.Painter)
        return network

    def take_step(self, step: int) -> dict[str, float]:
        config = self.config
        encoding = max(1, round(config.encoding * config.steps))
        batch = self._fresh(step)
        if step < encoding:
            return self._autoencode(batch, step, step / config.steps, at_share(config.rates, step / encoding))
        rate = at_share(config.predictor_rates, (step - encoding) / max(1, config.steps - encoding))
        with torch.no_grad():
            mean, log_variance = self._network.encode(batch.opacity)
        predicted = self._network.predictor(self._numbers(batch))
        loss = (predicted - torch.cat([mean, log_variance], dim=1)).pow(2).mean()
        self._descend("predictor", loss, rate)
        return {"code_error": loss.item()}

    def _autoencode(self, batch: Batch, step: int, share: float, rate: float) -> dict[str, float]:
        mean, log_variance = self._network.encode(batch.opacity)
        noise = torch.randn(mean.shape, generator=self._random("code", step)).to(self.device)
        code = mean + (0.5 * log_variance).exp() * noise
        loss = self._loss(torch.sigmoid(self._network.decode(code)), batch, share)
        nats = vae.divergence(mean, log_variance)
        self._descend("autoencoder", loss + nats, rate)
        return {"loss": loss.item(), "divergence": nats.item()}


LEARNERS: dict[str, type[Learner]] = {"fcn": Regression, "geo": Regression, "gan": Adversarial, "vae": Autoencoding}
