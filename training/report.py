"""What a run tells: averages over a tick, a progress line, stats.jsonl, TensorBoard."""

import contextlib
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
from torch_utils.curves import open_curves
from torch_utils.files import write_text


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
        """The averages, by name; starts afresh. All processes have seen the same names."""
        names = sorted(self._sums)
        sums = [pair.tolist() for pair in distributed.sum_together([self._sums[name] for name in names])]
        self._sums.clear()
        return {name: total / count if count else math.nan for name, (total, count) in zip(names, sums, strict=True)}


class Writer:
    """stats.jsonl (the record) and TensorBoard events (a view of it), in the run folder.

    Args:
        images_seen: where the run starts or goes on; what an interrupted run told of later images is taken back.
    A full disk loses lines, says so once, and never stops training.
    """

    def __init__(self, folder: Path, images_seen: int):
        self._path, self._curves = folder / "stats.jsonl", folder / "tensorboard"
        self._lost = False
        self._begin(images_seen)

    def _begin(self, images_seen: int) -> None:
        _drop_later_lines(self._path, images_seen)
        self._board = open_curves(self._curves, images_seen + 1)

    def go_back(self, images_seen: int) -> None:
        """Take back what was told of later images."""
        self._board.close()
        self._begin(images_seen)

    def write(self, kimg: float, values: Mapping[str, float]) -> None:
        """One line of JSON, and one point per curve."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                numbers = {name: value if math.isfinite(value) else None for name, value in values.items()}
                file.write(json.dumps({"kimg": kimg, "time": round(time.time(), 1), **numbers}) + "\n")
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


def _drop_later_lines(path: Path, images_seen: int) -> None:
    """Keep the lines up to an image count, so that a run that goes on tells each tick once."""
    with contextlib.suppress(FileNotFoundError):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if _images_of(line) <= images_seen]
        if len(kept) < len(lines):
            write_text(path, "".join(f"{line}\n" for line in kept))


def _images_of(line: str) -> float:
    """Images a line of stats.jsonl was written at; infinity for a line cut short by a kill."""
    try:
        return round(json.loads(line)["kimg"] * 1000)
    except (ValueError, TypeError, KeyError, OverflowError):
        return math.inf


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
