"""The one place that knows how many processes there are. With a single process every function is a no-op."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """True in the one process that writes files."""
    return rank() == 0


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes."""
    if dist.is_initialized():
        dist.all_reduce(value)
    return value


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Make every process's gradients their mean, in one flat exchange.

    A parameter that the loss does not reach has no gradient in any process, and gets none: so Adam leaves it alone
    whatever the number of processes.
    """
    if not dist.is_initialized():
        return
    parameters = [p for p in parameters if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)
