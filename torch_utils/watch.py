"""Who keeps the others waiting: a thread that notices a lost or stuck process, and says which one and where."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

_LOOK_EVERY = 0.5
_GATHER = 2.0  # seconds in which all that wait have told each other so
_ANSWER_WITHIN = 5.0
_AT_FIRST = 3  # compiling, tuning and joining make the first batch slower than any later one


class Store(Protocol):
    """Of torch.distributed's stores, what is needed here."""

    def set(self, key: str, value: str, /) -> object: ...

    def check(self, keys: list[str], /) -> bool: ...


class LostError(Exception):
    """Processes that train together have lost each other.

    cut_off: this one does not reach the main process's machine.
    """

    def __init__(self, message: str, *, cut_off: bool = False):
        super().__init__(message)
        self.cut_off = cut_off


class Watch:
    """Looks on from a thread while this process works, or waits for the others.

    Args:
        store: shared by all processes.
        timeout: seconds that one place may take.
        end: called from the thread with the reason; it ends the process, whose main thread may never come back.
    """

    def __init__(self, store: Store, rank: int, worlds: int, timeout: float, end: Callable[[LostError], None]):
        self._store, self._rank, self._worlds, self._timeout, self._end = store, rank, worlds, timeout, end
        self._place, self._since, self._limit = "the start", time.monotonic(), timeout * _AT_FIRST
        self._mode: Literal["working", "waiting", "patient"] = "working"
        self._stopped = threading.Event()
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def at(self, place: str, *, first: bool = False) -> None:
        """The work has come to this place; at the first of its kind everything takes longer."""
        self._place, self._since = place, time.monotonic()
        self._limit = self._timeout * (_AT_FIRST if first else 1)

    @contextmanager
    def waiting(self, *, patient: bool = False) -> Iterator[None]:
        """Inside, this process waits for the others; patiently: for as long as it takes.

        Raises:
            LostError: the others were lost meanwhile.
        """
        self._mode, self._since = ("patient" if patient else "waiting"), time.monotonic()
        try:
            yield
        except RuntimeError as error:  # what torch.distributed raises for a closed connection or a time-out
            raise self.lost(str(error)) from error
        finally:
            self._mode, self._since = "working", time.monotonic()

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Inside, this process works for as long as it takes: the others wait patiently."""
        self._mode = "patient"
        try:
            yield
        finally:
            self._mode, self._since = "working", time.monotonic()

    def lost(self, reason: str) -> LostError:
        """Tell the store that this process waits, and say which ones do not."""
        answer: list[str] = []
        asking = threading.Thread(target=lambda: answer.append(self._absent()), daemon=True)
        asking.start()
        asking.join(_GATHER + _ANSWER_WITHIN)
        who = answer[0] if answer else "the main process's machine does not answer"
        return LostError(f"at {self._place}: {who} ({' '.join(reason.split())[:200]})", cut_off=not answer)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _absent(self) -> str:
        self._store.set(f"waiting/{self._rank}", self._place)
        time.sleep(_GATHER)
        others = [number for number in range(self._worlds) if number != self._rank]
        absent = [number for number in others if not self._store.check([f"waiting/{number}"])]
        if not absent:
            return "all processes wait for each other"
        return ("ranks " if len(absent) > 1 else "rank ") + ", ".join(map(str, absent)) + " missing"

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY):
            waited = time.monotonic() - self._since
            if self._mode == "patient" or waited < self._limit:
                continue
            seconds = f"after {waited:.0f} s"
            if self._mode == "waiting":
                self._end(self.lost(f"{seconds} of waiting"))
            else:
                stack = "".join(traceback.format_stack(sys._current_frames()[threading.main_thread().ident or 0]))
                self._end(LostError(f"at {self._place}: this process does not come on {seconds}; it is here:\n{stack}"))
            return
