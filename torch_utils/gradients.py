"""Gradients summed over all processes, bucket by bucket while the backward pass still runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import Parameter

from torch_utils import distributed

BUCKET_BYTES = 4 * 2**20  # small enough that the first is on its way early, large enough that its start costs little


class _Bucket:
    """Neighbouring parameters whose gradients travel together, and behind them a number each: was it reached?"""

    def __init__(self, parameters: list[Parameter]):
        self.parameters = parameters
        self.expected = set(range(len(parameters)))  # places that had a gradient last time
        self.ready: set[int] = set()
        self.late = False  # a gradient came after the bucket had left
        self._flat = torch.empty(0)
        self._work: dist.Work | None = None

    def leave(self, *, note: bool = False) -> None:
        """Copy the gradients and start their exchange; `note` travels with them."""
        reached = [parameter.grad is not None for parameter in self.parameters]
        parts = [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in self.parameters]
        like = parts[0]
        flags = torch.tensor([*reached, note], dtype=like.dtype).to(like.device, non_blocking=True)
        self._flat = torch.cat([*parts, flags])
        self._work = dist.all_reduce(self._flat, async_op=True)
        self.expected = {place for place, there in enumerate(reached) if there}

    @property
    def has_left(self) -> bool:
        """Whether its exchange is under way."""
        return self._work is not None

    def arrive(self) -> tuple[list[Tensor], Tensor]:
        """The summed gradients; how many processes reached each, and in the end how many sent a note."""
        assert self._work is not None
        self._work.wait()
        sizes = [parameter.numel() for parameter in self.parameters]
        *parts, flags = self._flat.split([*sizes, len(sizes) + 1])
        self._work, self.late = None, False
        self.ready.clear()
        return parts, flags


class GradientSum:
    """Sums the gradients of some parameters over all processes; with one process it does nothing.

    A bucket leaves as soon as the gradients that it had last time are there, always in the same order, so that the
    processes' exchanges meet; the last one leaves at the end. A parameter that no process's loss reached has no
    gradient afterwards either; one that only some reached gets their sum. A gradient that comes after its bucket has
    left (the loss reaches more than it did before) is noted in the last bucket, and then all travel once more.
    """

    def __init__(self, parameters: Sequence[Parameter], bucket_bytes: int = BUCKET_BYTES):
        self._listening = False
        self._next = 0  # bucket to leave next
        self.buckets = [_Bucket(part) for part in _cut(parameters, bucket_bytes)] if dist.is_initialized() else []
        for bucket in self.buckets:
            for place, parameter in enumerate(bucket.parameters):
                parameter.register_post_accumulate_grad_hook(self._hook(bucket, place))

    @contextmanager
    def last_backward(self) -> Iterator[None]:
        """Inside, buckets leave as their gradients become final: no other backward pass may follow before `finish`."""
        self._listening = bool(self.buckets)
        try:
            yield
        finally:
            self._listening = False

    def finish(self) -> None:
        """Send what is left, wait, and put the sums in the place of the gradients."""
        if not self.buckets:
            return
        late = any(bucket.late for bucket in self.buckets)
        for bucket in self.buckets[self._next :]:
            bucket.leave(note=late)
        self._next = 0
        parts, reached, noted = self._arrivals()
        if noted:
            for bucket in self.buckets:
                bucket.leave()
            parts, reached, _ = self._arrivals()
        parameters = [parameter for bucket in self.buckets for parameter in bucket.parameters]
        for parameter, part, times in zip(parameters, parts, reached, strict=True):
            parameter.grad = _laid_out_as(parameter, part.view_as(parameter)) if times else None

    def _arrivals(self) -> tuple[list[Tensor], list[float], bool]:
        """All sums, how many processes reached each parameter, and whether one sent a note."""
        with distributed.waiting():
            answers = [bucket.arrive() for bucket in self.buckets]
            numbers = torch.cat([flags for _, flags in answers]).tolist()  # the one wait for a GPU
        reached: list[float] = []
        note = 0.0
        for bucket in self.buckets:
            count = len(bucket.parameters)
            reached += numbers[:count]
            note, numbers = numbers[count], numbers[count + 1 :]
        return [part for parts, _ in answers for part in parts], reached, bool(note)

    def _hook(self, bucket: _Bucket, place: int) -> Callable[[Tensor], None]:
        def there(_: Tensor) -> None:
            if not self._listening:
                return
            bucket.ready.add(place)
            bucket.late |= bucket.has_left
            while self._next < len(self.buckets) - 1 and _is_full(self.buckets[self._next]):
                self.buckets[self._next].leave()
                self._next += 1

        return there


def _laid_out_as(parameter: Parameter, gradient: Tensor) -> Tensor:
    """The gradient with the parameter's strides: torch's fused optimisers go through memory without looking at them."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)


def _is_full(bucket: _Bucket) -> bool:
    return bucket.ready >= bucket.expected


def _cut(parameters: Sequence[Parameter], most: int) -> Iterator[list[Parameter]]:
    """Parts of at most `most` bytes (or one parameter), the last parameters first: backward comes to them first."""
    part: list[Parameter] = []
    size = 0
    for parameter in reversed(parameters):
        if part and size + parameter.nbytes > most:
            yield part
            part, size = [], 0
        part.append(parameter)
        size += parameter.nbytes
    if part:
        yield part
