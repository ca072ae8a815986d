"""train.py as a user starts it: real processes, real signals, always with a time-out."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.tiny_run import TINY

SETTINGS = (*TINY, "losses.r1.every=2", "losses.path_length.every=2")


def command(data: Path, folder: Path, *more: object) -> list[str]:
    """A tiny run of train.py on the CPU, one thread a process, saving every 16 pictures."""
    usual = ["--data", data, "--outdir", folder, "--gpus", 0, "--threads", 1, "--batch", 16, "--batch-gpu", 4]
    usual += ["--tick", 0.016, "--snap", 1, "--cond", "all"]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    return [sys.executable, "train.py", *map(str, [*usual, *more]), *settings]


def run(
    repository: Path, data: Path, folder: Path, *more: object, largest_file: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Start it and wait for its end; files cannot grow beyond `largest_file` bytes."""

    def limited() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    words = command(data, folder, *more)
    return subprocess.run(words, cwd=repository, capture_output=True, text=True, timeout=120, preexec_fn=limited)


@contextmanager
def started(repository: Path, data: Path, folder: Path, *more: object) -> Iterator[subprocess.Popen]:
    """A run that has saved its first checkpoint; whatever is left of it in the end is killed."""
    words = command(data, folder, *more)
    process = subprocess.Popen(
        words, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 100
        while not list(folder.glob("checkpoint-*.pt")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        yield process
    finally:
        for pid in [process.pid, *workers(folder)]:
            if pid != os.getpid():
                _kill(pid)
        process.communicate()


def workers(folder: Path) -> list[int]:
    """Processes whose command line names this run's folder and that a launcher has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:
            continue
        if f"\0{folder}\0".encode() in line and b"\0RANK=" in b"\0" + environment:
            found.append(int(path.name))
    return sorted(found)


def rank_of(pid: int) -> int:
    """The rank that a launcher gave to a process."""
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return int(next(entry for entry in environment if entry.startswith(b"RANK="))[5:])


def seconds_until_none(folder: Path, most: float) -> float:
    """How long it takes until no worker of the folder is alive."""
    begin = time.monotonic()
    while workers(folder) and time.monotonic() < begin + most:
        time.sleep(0.05)
    return time.monotonic() - begin


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, 9)
