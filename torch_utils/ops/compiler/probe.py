"""Asking a program what it is, and remembering why a candidate was not taken."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 30.0  # for a question; a program that needs longer is not one to build with


@dataclass(frozen=True)
class Rejected:
    """A candidate that was looked at and not taken."""

    candidate: str
    reason: str

    def __str__(self) -> str:
        return f"{self.candidate}: {self.reason}"


class ProbeError(Exception):
    """A program cannot be asked; the text says why."""


def ask(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """What a program prints, stdout and stderr together.

    Raises:
        ProbeError: it is not there, does not run, fails, or takes too long.
    """
    try:
        done = subprocess.run(
            [os.fspath(word) for word in command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ProbeError(f"does not run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"gives no answer in {_SECONDS:g} s") from error
    text = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        last = text.splitlines()[-1] if text else "no message"
        raise ProbeError(f"ends with status {done.returncode} ({last})")
    return text
