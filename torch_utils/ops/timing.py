"""How long a call takes, on a CPU or a GPU."""

import statistics
import time
from collections.abc import Callable

import torch

_ROUNDS, _SECONDS_A_ROUND, _WARM_UP = 5, 0.02, 2


def milliseconds(call: Callable[[], object], device: torch.device) -> float:
    """The median over a few rounds of the mean time of a call."""
    for _ in range(_WARM_UP):
        call()
    calls = max(1, round(_SECONDS_A_ROUND / max(_seconds(call, 1, device), 1e-7)))
    return statistics.median(_seconds(call, calls, device) for _ in range(_ROUNDS)) * 1000


def _seconds(call: Callable[[], object], calls: int, device: torch.device) -> float:
    """The mean of so many calls, waiting for the GPU before and after."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(calls):
        call()
    _wait(device)
    return (time.perf_counter() - began) / calls


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
