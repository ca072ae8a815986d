"""Lines for a person to read: on the screen and in the run's log.txt, from the main process only."""

import sys
from datetime import datetime
from pathlib import Path

from torch_utils import distributed


class Log:
    """Writes lines to stdout and, with a time stamp, to a file. A log that cannot be written never stops a run."""

    def __init__(self, path: Path | None = None):
        self.path = path
        self._early: list[str] = []
        self._lost = False
        self._heard = True

    def keep_in(self, path: Path) -> None:
        """Append to this file from now on, beginning with the lines so far."""
        self.path = path
        for line in self._early:
            self._append(line)
        self._early.clear()

    def __call__(self, line: str) -> None:
        """Print and append one line."""
        if not distributed.is_main():
            return
        self._print(line)
        self._append(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")

    def _append(self, text: str) -> None:
        if self.path is None:
            self._early.append(text)
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            if not self._lost:
                print(f"warning: {self.path}: not written ({error.strerror}); training goes on.", file=sys.stderr)
            self._lost = True

    def _print(self, line: str) -> None:
        """On the screen, as long as somebody listens: a closed pipe (| head) does not stop a run."""
        if not self._heard:
            return
        try:
            print(line, flush=True)
        except OSError:
            self._heard = False


def note(line: str) -> None:
    """One line to stderr, for scripts whose stdout is a result; from the main process only."""
    if distributed.is_main():
        print(line, file=sys.stderr, flush=True)
