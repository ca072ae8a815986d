"""What a run tells: averages over a tick, a progress line, stats.jsonl, TensorBoard."""

import json
import math
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from torch_utils import distributed


class TickAverages:
    """Sums reported values until the tick ends; averages are over all processes."""

    def __init__(self, device: torch.device):
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(2, device=device, dtype=torch.float64))

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take in values of any shape; nothing is copied from the GPU until the tick ends."""
        for name, value in values.items():
            total = value.to(torch.float64).sum()
            self._sums[name] += torch.stack([total, torch.full_like(total, value.numel())])

    def finish(self) -> dict[str, float]:
        """The averages, by name; starts afresh."""
        result = {}
        for name in sorted(self._sums):
            total, count = distributed.sum_over_processes(self._sums[name]).tolist()
            result[name] = total / count if count else math.nan
        self._sums.clear()
        return result


class Writer:
    """stats.jsonl (the record) and TensorBoard events (a view of it), in the run folder.

    A full disk loses lines, says so once, and never stops training.
    """

    def __init__(self, folder: Path):
        from torch.utils.tensorboard.writer import SummaryWriter  # slow to import, needed by a real run only

        self._path = folder / "stats.jsonl"
        self._board = SummaryWriter(str(folder / "tensorboard"))
        self._lost = False

    def write(self, kimg: float, values: Mapping[str, float]) -> None:
        """One line of JSON, and one point per curve."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kimg": kimg, "time": round(time.time(), 1), **values}) + "\n")
            for name, value in values.items():
                self._board.add_scalar(name, value, global_step=round(kimg * 1000))
            self._board.flush()
        except OSError as error:
            if not self._lost:
                print(f"warning: {self._path}: not written ({error.strerror}); training goes on.", file=sys.stderr)
            self._lost = True

    def close(self) -> None:
        """Finish the TensorBoard file."""
        self._board.close()


def progress_line(kimg: float, total_kimg: float, seconds_per_kimg: float, values: Mapping[str, float]) -> str:
    """kimg, speed, time left, memory, p and the losses, on one line."""
    left = max(total_kimg - kimg, 0) * seconds_per_kimg
    parts = [
        f"kimg {kimg:8.2f}/{total_kimg:g}",
        f"s/kimg {seconds_per_kimg:7.2f}",
        f"left {duration(left):>7}",
        f"memory {memory_words()}",
        f"p {values.get('augment/p', 0):.3f}",
    ]
    for name, shown in (
        ("loss/G", "G"),
        ("loss/D", "D"),
        ("r1/penalty", "R1"),
        ("path_length/mean", "PL"),
        ("signs/real", "rt"),
    ):
        if name in values:
            parts.append(f"{shown} {values[name]:.3f}")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """75 → 1m15s; 7500 → 2h05m."""
    if not math.isfinite(seconds):
        return "?"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def memory_words() -> str:
    """Peak memory of the GPU if one is used, else of the process."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f}G(gpu)"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f}G"
