"""One step: a term's gradient over the slices of a batch, summed over all processes, checked, applied."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from networks.interface import Generator
from torch_utils import distributed
from torch_utils.gradients import GradientSum
from training.losses.term import Term, TermOutput
from training.players import Players, Slice
from training.schedule import Phase


@dataclass(frozen=True, kw_only=True)
class Step:
    """Train `network` with `term` at every `every`-th batch. Order and choice belong to `TrainingState`."""

    name: str
    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    term: Term
    every: int = 1

    @cached_property
    def gradients(self) -> GradientSum:
        """How this step's gradients are summed over the processes."""
        return GradientSum(_parameters(self.optimizer))


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step saw over all processes; `values` alone are this process's own, concatenated over its slices.

    path_length, seen: means over the batch. sign_sum: of D at `sign_count` real pictures.
    fault: what was not finite, so that the step was left out: "its loss", or the first parameter's name; None is well.
    """

    values: dict[str, Tensor]
    w_mean: Tensor | None = None
    path_length: Tensor | None = None
    seen: Tensor | None = None
    sign_sum: float = 0.0
    sign_count: int = 0
    fault: str | None = None

    @property
    def finite(self) -> bool:
        """Whether the step was applied."""
        return self.fault is None


def take_step(step: Step, players: Players, parts: list[Slice], batch_size: int) -> StepResult:
    """Accumulate the gradient over `parts`, sum it over the processes and let the optimiser move.

    What is not finite is never applied: the step is left out, in every process, and the result says so.
    """
    with only_trains(_parameters(step.optimizer)):
        step.optimizer.zero_grad(set_to_none=True)
        outputs = [_accumulate(step, players, part, batch_size) for part in parts[:-1]]
        with step.gradients.last_backward():
            outputs.append(_accumulate(step, players, parts[-1], batch_size))
    step.gradients.finish()
    result, loss_sum = _gathered(outputs)
    fault = _fault(step, loss_sum)
    if fault is None:
        step.optimizer.step()
    step.optimizer.zero_grad(set_to_none=True)
    return replace(result, fault=fault)


def slices(phase: Phase, seed: int, step: int, images_seen: int) -> list[Slice]:
    """This process's slices of a batch: every world_size-th run of `batch_gpu` pictures."""
    starts = range(0, phase.batch_size, phase.batch_gpu)
    own = list(starts)[distributed.rank() :: distributed.world_size()]
    size = phase.batch_gpu
    return [Slice(seed=seed, step=step, first=first, size=size, shown=images_seen + first) for first in own]


class only_trains:  # noqa: N801 - reads as a phrase in a with statement
    """Gradients for these parameters while the block runs; outside of it none of either network asks for any."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter]):
        self.parameters = list(parameters)

    def __enter__(self) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(True)

    def __exit__(self, *_: object) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(False)


def _accumulate(step: Step, players: Players, part: Slice, batch_size: int) -> TermOutput:
    output = step.term(players, part)
    # A lazy term stands for `every` batches; each slice counts by its share of the whole batch.
    (output.loss.mean() * step.every * (part.size / batch_size)).backward()
    return output


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _fault(step: Step, loss_sum: Tensor) -> str | None:
    """What is not finite, the same in every process: one look for all gradients, and a closer one if need be."""
    gradients = [parameter.grad for parameter in _parameters(step.optimizer) if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients) if gradients else loss_sum
    loss_is, gradient_is = torch.stack([loss_sum.isfinite(), norm.isfinite()]).tolist()
    if not gradient_is:
        for name, parameter in step.network.named_parameters():
            if parameter.grad is not None and not parameter.grad.isfinite().all():
                return name
        return "the gradient's norm"
    return None if loss_is else "its loss"


def _gathered(outputs: list[TermOutput]) -> tuple[StepResult, Tensor]:
    """What the slices of all processes saw, brought together in one exchange; the sum of their losses too."""
    parts = [torch.stack([output.loss.detach().double().sum() for output in outputs]).sum()]
    w_means = [output.w_mean for output in outputs if output.w_mean is not None]
    lengths = [output.path_lengths for output in outputs if output.path_lengths is not None]
    signs = [output.signs for output in outputs if output.signs is not None]
    for tensors in (lengths, signs):
        parts += [torch.cat(tensors).double().sum(), parts[0].new_tensor(sum(map(len, tensors)))] if tensors else []
    seen = [output.seen for output in outputs if output.seen is not None]
    for means in (w_means, seen):
        parts += [torch.stack(means).double().mean(dim=0)] if means else []
    loss_sum, *rest = distributed.sum_together(parts)
    names = outputs[0].values
    result = StepResult(
        values={name: torch.cat([output.values[name].reshape(-1) for output in outputs]) for name in names},
        path_length=(rest.pop(0) / rest.pop(0)).float() if lengths else None,
        sign_sum=float(rest.pop(0)) if signs else 0.0,
        sign_count=round(float(rest.pop(0))) if signs else 0,
        w_mean=(rest.pop(0) / distributed.world_size()).float() if w_means else None,
        seen=(rest.pop(0) / distributed.world_size()).float() if seen else None,
    )
    return result, loss_sum


def absorb(result: StepResult, generator: Generator, w_decay: float, path_mean: Tensor, path_decay: float) -> None:
    """Move G's running means, that of w and that of path lengths by what a whole batch showed."""
    if result.w_mean is not None:
        generator.mapping.track(result.w_mean, w_decay)
    if result.seen is not None:
        generator.track(result.seen)
    if result.path_length is not None:
        path_mean.copy_(path_mean.lerp(result.path_length, path_decay))


def iterate_due(steps: list[Step], batches_done: int) -> Iterator[Step]:
    """The steps whose turn it is, in their order."""
    return (step for step in steps if batches_done % step.every == 0)
