"""One step: a term's gradient over the slices of a batch, averaged, checked, applied."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from networks.interface import Mapping
from torch_utils import distributed
from training.config import ScheduleConfig
from training.losses.term import Term, TermOutput
from training.players import Players, Slice


@dataclass(frozen=True, kw_only=True)
class Step:
    """Train `network` with `term` at every `every`-th batch. Order and choice belong to `TrainingState`."""

    name: str
    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    term: Term
    every: int = 1


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What the slices reported, concatenated over this process's share of the batch."""

    values: dict[str, Tensor]
    w_mean: Tensor | None
    path_lengths: Tensor | None
    signs: Tensor | None
    finite: bool


def take_step(step: Step, players: Players, parts: list[Slice], batch_size: int) -> StepResult:
    """Accumulate the gradient over `parts`, average it over the processes and let the optimiser move.

    Gradients that are not finite are never applied: the step is left out, and the result says so.
    """
    with only_trains(step.network, players):
        step.optimizer.zero_grad(set_to_none=True)
        outputs = [_accumulate(step, players, part, batch_size) for part in parts]
    parameters = [p for group in step.optimizer.param_groups for p in group["params"]]
    distributed.average_gradients(parameters)
    finite = _all_finite(parameters)
    if finite:
        step.optimizer.step()
    step.optimizer.zero_grad(set_to_none=True)
    return _joined(outputs, finite)


def slices(schedule: ScheduleConfig, seed: int, step: int, images_seen: int) -> list[Slice]:
    """This process's slices of a batch: every world_size-th run of `batch_gpu` pictures."""
    starts = range(0, schedule.batch_size, schedule.batch_gpu)
    own = list(starts)[distributed.rank() :: distributed.world_size()]
    size = schedule.batch_gpu
    return [Slice(seed=seed, step=step, first=first, size=size, shown=images_seen + first) for first in own]


class only_trains:  # noqa: N801 - reads as a phrase in a with statement
    """Gradients for this network alone, frozen parameters excepted, while the block runs."""

    def __init__(self, network: torch.nn.Module, players: Players):
        self.network, self.both = network, (players.generator, players.discriminator)

    def __enter__(self) -> None:
        for network in self.both:
            for parameter in network.parameters():
                parameter.requires_grad_(network is self.network and not getattr(parameter, "frozen", False))

    def __exit__(self, *_: object) -> None:
        for network in self.both:
            network.requires_grad_(False)


def _accumulate(step: Step, players: Players, part: Slice, batch_size: int) -> TermOutput:
    output = step.term(players, part)
    # A lazy term stands for `every` batches; each slice counts by its share of this process's part of the batch.
    share = part.size * distributed.world_size() / batch_size
    (output.loss.mean() * step.every * share).backward()
    return output


def _all_finite(parameters: list[torch.nn.Parameter]) -> bool:
    """One reduction over all gradients, already the same in every process."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return True
    return bool(torch.nn.utils.get_total_norm(gradients).isfinite())


def _joined(outputs: list[TermOutput], finite: bool) -> StepResult:
    def cat(tensors: list[Tensor | None]) -> Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(there) if there else None

    names = outputs[0].values
    w_means = [output.w_mean for output in outputs if output.w_mean is not None]
    return StepResult(
        values={name: torch.cat([output.values[name].reshape(-1) for output in outputs]) for name in names},
        w_mean=torch.stack(w_means).mean(dim=0) if w_means else None,
        path_lengths=cat([output.path_lengths for output in outputs]),
        signs=cat([output.signs for output in outputs]),
        finite=finite,
    )


def absorb(result: StepResult, mapping: Mapping, w_decay: float, path_mean: Tensor, path_decay: float) -> None:
    """Move the running means of w and of path lengths by what a whole batch showed, over all processes."""
    worlds = distributed.world_size()
    if result.w_mean is not None:
        mapping.track(distributed.sum_over_processes(result.w_mean) / worlds, w_decay)
    if result.path_lengths is not None:
        mean = distributed.sum_over_processes(result.path_lengths.mean()) / worlds
        path_mean.copy_(path_mean.lerp(mean, path_decay))


def iterate_due(steps: list[Step], batches_done: int) -> Iterator[Step]:
    """The steps whose turn it is, in their order."""
    return (step for step in steps if batches_done % step.every == 0)
