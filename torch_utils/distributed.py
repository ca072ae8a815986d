"""The one place that knows how many processes there are. With a single process every function is a no-op."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from torch_utils.errors import UserError
from torch_utils.watch import LostError, Watch

T = TypeVar("T")
_PATIENCE = timedelta(hours=6)  # the others wait that long while the main process scores or saves
_groups: dict[str, Any] = {}
_watch: Watch | None = None


class ElsewhereError(Exception):
    """Another process failed or stopped, and tells of it itself; this one only has to end."""

    def __init__(self, status: int):
        super().__init__("the main process failed")
        self.status = status


def launched() -> bool:
    """Whether a launcher (ours, or torchrun) started this process as one of several."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def local_rank() -> int:
    """This process's number on its machine, from 0: the GPU it takes."""
    return int(os.environ.get("LOCAL_RANK", 0)) if launched() else 0


def launched_world_size() -> int:
    """How many processes the launcher started over all machines; 1 without a launcher."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def launched_on_this_machine() -> int:
    """How many of them on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if launched() else 1


def join(*, on_gpu: bool, timeout: float, end: Callable[[LostError], None]) -> None:
    """Meet the processes that the launcher started. Sums of GPU tensors go through NCCL, all else through gloo.

    Args:
        timeout: seconds after which a process that the others wait for counts as lost.
        end: ends this process when it is stuck, or waits for nothing.
    """
    global _watch
    longest = timedelta(seconds=timeout * 4)  # the watch is there earlier
    store, number, count = next(iter(rendezvous("env://", timeout=longest)))
    # The agent's store outlives a restart: each attempt has names of its own, or it would call at dead addresses.
    store = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    if on_gpu:
        torch.cuda.set_device(local_rank())
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=longest)
    _groups["control"] = dist.new_group(backend="gloo", timeout=longest)
    _groups["patient"] = dist.new_group(backend="gloo", timeout=_PATIENCE)
    _watch = Watch(PrefixStore("watch", store), number, count, timeout, end)


def leave() -> None:
    """Part from the others."""
    global _watch
    if _watch is not None:
        _watch.stop()
    _watch = None
    _groups.clear()
    if dist.is_initialized():
        dist.destroy_process_group()


def at(place: str, *, first: bool = False) -> None:
    """Tell the watch where the work is; see `Watch.at`."""
    if _watch is not None:
        _watch.at(place, first=first)


@contextmanager
def waiting() -> Iterator[None]:
    """Inside, this process waits for the others; see `Watch.waiting`."""
    with nullcontext() if _watch is None else _watch.waiting():
        yield


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
    """The sum of a tensor over all processes, in place."""
    if dist.is_initialized():
        with waiting():
            dist.all_reduce(value)
            if value.is_cuda:
                torch.cuda.current_stream().synchronize()  # the wait itself, which the watch must see as one
    return value


def sum_together(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The sums of several small tensors over all processes in one exchange, as float64."""
    if not dist.is_initialized() or not tensors:
        return [tensor.double() for tensor in tensors]
    flat = sum_over_processes(torch.cat([tensor.double().reshape(-1) for tensor in tensors]))
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def largest(number: int) -> int:
    """The largest of the numbers that the processes hold; nothing of it touches a GPU."""
    if not dist.is_initialized():
        return number
    value = torch.tensor(number)
    with waiting():
        dist.all_reduce(value, op=dist.ReduceOp.MAX, group=_groups.get("control"))
    return int(value)


def on_main(work: Callable[[], T]) -> T:
    """What the main process's work gives, in every process; the others wait, however long it takes.

    The result is made of plain values. An error is raised in the main process; the others get `ElsewhereError`.
    """
    if not dist.is_initialized():
        return work()
    if not is_main():
        answer = _broadcast(None)
        if isinstance(answer, _Failed):
            raise ElsewhereError(answer.status)
        return answer
    try:
        with nullcontext() if _watch is None else _watch.unhurried():
            answer = work()
    except BaseException as error:
        _broadcast(_Failed(2 if isinstance(error, UserError) else 1))
        raise
    return _broadcast(answer)


def _broadcast(answer: Any) -> Any:
    """The main process's answer, in every process."""
    box = [answer]
    with nullcontext() if _watch is None else _watch.waiting(patient=not is_main()):
        dist.broadcast_object_list(box, src=0, group=_groups.get("patient"))
    return box[0]


def from_main(value: T) -> T:
    """The main process's nested dicts and lists of plain values and tensors, in every process, on the CPU."""
    if not dist.is_initialized():
        return value
    tensors: list[Tensor] = []
    skeleton = on_main(lambda: _without_tensors(value, tensors))
    return _with_tensors(skeleton, iter(tensors))


@dataclass(frozen=True)
class _Failed:
    """In the place of an answer."""

    status: int


@dataclass(frozen=True)
class _Hole:
    """In the place of a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def _without_tensors(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors.append(value.detach().cpu().contiguous())
        return _Hole(tuple(value.shape), value.dtype)
    if isinstance(value, dict):
        return {key: _without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_tensors(item, tensors) for item in value)
    return value


def _with_tensors(value: Any, tensors: Any) -> Any:
    if isinstance(value, _Hole):
        tensor = next(tensors) if is_main() else torch.empty(value.shape, dtype=value.dtype)
        with waiting():
            dist.broadcast(tensor, src=0, group=_groups.get("control"))
        return tensor
    if isinstance(value, dict):
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_tensors(item, tensors) for item in value)
    return value
