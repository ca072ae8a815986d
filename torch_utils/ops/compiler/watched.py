"""Running a program that may hang: with a time limit, signs of life meanwhile, and nothing left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BEAT = 0.5  # seconds between two signs of life


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit status (None: it ran out of time) and what it printed."""

    status: int | None
    output: str


def run_watched(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    beat: Callable[[], None],
) -> Outcome:
    """Run a program in a folder; after `seconds`, or when this process is interrupted, end it and its children.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [os.fspath(word) for word in command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that its children can be ended with it
    )
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                output, _ = process.communicate(timeout=_BEAT)
                return Outcome(process.returncode, output.decode(errors="replace"))
            except subprocess.TimeoutExpired as waiting:
                beat()
                if time.monotonic() > deadline:
                    return Outcome(None, (waiting.output or b"").decode(errors="replace"))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
