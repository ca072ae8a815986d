"""The state of a training: what moves, what is best so far, and one step of it."""

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from classification.config import AdamConfig, ClassifierConfig
from classification.inference import logits
from classification.learner import Learner
from classification.losses import loss_of
from classification.models import AUXILIARY, freeze_norms, logits_of
from torch_utils import seeds as seeding
from torch_utils.averages import follow, settling
from torch_utils.errors import DivergedError


@dataclass
class Best:
    """The weights with the best dev accuracy so far; of equal ones those with the lower dev loss."""

    epoch: int = 0
    accuracy: float = -1.0
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)

    def beaten_by(self, accuracy: float, loss: float) -> bool:
        return (accuracy, -loss) > (self.accuracy, -self.loss)


class TrainingState:
    """Weights, optimiser, moving average, counters and history.

    Attributes:
        step: updates done; epoch: whole epochs done.
        history: a dict of numbers for each epoch.
        sums: [loss, right, pictures] of the epoch under way.
    """

    def __init__(self, config: ClassifierConfig, learner: Learner):
        self.config, self.learner = config, learner
        self.module = learner.module
        self.ema = copy.deepcopy(self.module).requires_grad_(False) if config.ema else None
        self.optimizer = _optimizer(config, self.module)
        self.step = self.epoch = 0
        self.best = Best()
        self.history: list[dict[str, float]] = []
        self.sums = torch.zeros(3, dtype=torch.float64, device=learner.device)
        self.call = torch.compile(self.module) if config.compute.compile else self.module
        self._bf16 = uses_bf16(config, learner.device)

    @property
    def steps_an_epoch(self) -> int:
        """Batches an epoch; pictures beyond a multiple of the batch wait for another epoch's order."""
        return max(1, len(self.learner.train) // self.config.batch_size)

    @property
    def used(self) -> nn.Module:
        """What is scored and saved: the moving average if there is one."""
        return self.ema or self.module

    @property
    def is_over(self) -> bool:
        """All epochs done, or no better one for too long."""
        schedule = self.config.schedule
        return self.epoch >= schedule.epochs or self.epoch - self.best.epoch >= schedule.patience

    def take_step(self) -> None:
        """One update. Everything random in it is a function of (seed, step)."""
        rows = self._rows()
        torch.manual_seed(seeding.derive(self.config.seed, "step", self.step))
        self.module.train()
        if self.learner.view.weights.frozen_norm:
            freeze_norms(self.module)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.optimizer.lr * self.rate()
        labels = self.learner.train_labels[rows.to(self.learner.device)]
        with torch.autocast(self.learner.device.type, torch.bfloat16, enabled=self._bf16):
            main, others = logits_of(self.call(self.learner.train(rows)))
        losses = loss_of(self.config.loss, main, labels)
        for other in others:
            losses = losses + AUXILIARY[self.config.network.model] * loss_of(self.config.loss, other, labels)
        self.optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        self.optimizer.step()
        self.step += 1
        self._average()
        right = (main.detach().argmax(1) == labels).double()
        self.sums += torch.stack([losses.detach().double().sum(), right.sum(), torch.ones_like(right).sum()])

    def finish_epoch(self) -> dict[str, float]:
        """Score dev, remember the best, and write the epoch into the history.

        Raises:
            DivergedError: the loss is not finite.
        """
        self.epoch += 1
        loss, right, pictures = self.sums.tolist()
        self.sums.zero_()
        if not math.isfinite(loss):
            raise DivergedError(
                f"epoch {self.epoch}: the loss is not finite. Start again with a lower --set optimizer.lr "
                f"(it is {self.config.optimizer.lr:g})."
            )
        found = logits(self.used, self.learner.dev)
        labels = self.learner.dev_labels
        accuracy = (found.argmax(1) == labels).double().mean().item()
        dev_loss = cross_entropy(found.double(), labels).item()
        if self.best.beaten_by(accuracy, dev_loss):
            weights = {name: tensor.detach().clone() for name, tensor in self.used.state_dict().items()}
            self.best = Best(epoch=self.epoch, accuracy=accuracy, loss=dev_loss, weights=weights)
        numbers = {
            "epoch": self.epoch,
            "loss/train": loss / pictures,
            "accuracy/train": right / pictures,
            "loss/dev": dev_loss,
            "accuracy/dev": accuracy,
            "rate": self.config.optimizer.lr * self.rate(),
        }
        self.history.append(numbers)
        return numbers

    def rate(self) -> float:
        """The learning rate at this step, as a factor."""
        schedule = self.config.schedule
        if schedule.rate == "constant":
            return 1.0
        done = self.step / (self.steps_an_epoch * schedule.epochs)
        if done < schedule.warmup:
            return (self.step + 1) / (schedule.warmup * self.steps_an_epoch * schedule.epochs + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - schedule.warmup) / (1 - schedule.warmup))))

    def contents(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors and numbers."""
        return {
            "module": self.module.state_dict(),
            "ema": self.ema.state_dict() if self.ema else {},
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "epoch": self.epoch,
            "best": vars(self.best),
            "history": self.history,
            "sums": self.sums,
            "threads": torch.get_num_threads(),
        }

    def fill(self, contents: dict[str, Any]) -> None:
        """Put what `contents` gave into this state."""
        self.module.load_state_dict(contents["module"])
        if self.ema:
            self.ema.load_state_dict(contents["ema"])
        self.optimizer.load_state_dict(contents["optimizer"])
        self.step, self.epoch = contents["step"], contents["epoch"]
        self.best, self.history = Best(**contents["best"]), contents["history"]
        self.sums = contents["sums"].to(self.learner.device)
        torch.set_num_threads(contents["threads"])  # sums round by it

    def _rows(self) -> Tensor:
        """The next batch: an order for each epoch, a function of the seed."""
        epoch, place = divmod(self.step, self.steps_an_epoch)
        order = torch.randperm(len(self.learner.train), generator=seeding.generator(self.config.seed, "order", epoch))
        return order[place * self.config.batch_size : (place + 1) * self.config.batch_size]

    def _average(self) -> None:
        """Move the average towards the weights and the statistics of normalisation, faster at first."""
        if not self.ema:
            return
        follow(self.ema, self.module, settling(self.config.ema, self.step))


def uses_bf16(config: ClassifierConfig, device: torch.device) -> bool:
    """Whether a training computes in bf16."""
    if device.type != "cuda" or config.compute.precision == "fp32":
        return False
    return config.compute.precision == "bf16" or torch.cuda.is_bf16_supported()


def _optimizer(config: ClassifierConfig, module: nn.Module) -> torch.optim.Optimizer:
    options = config.optimizer
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    if isinstance(options, AdamConfig):
        return torch.optim.Adam(weights, lr=options.lr)
    return torch.optim.AdamW(weights, lr=options.lr, weight_decay=options.weight_decay)
