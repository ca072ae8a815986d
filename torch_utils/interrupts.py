"""Signals as requests: a handler only notes them, and the work looks where it can stop."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SAVE = 1  # a request to save and go on; every other one is the exit status to stop with
_STOPPING = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}  # 128 + signal, as a shell tells it


class Interrupts:
    """While the block runs: SIGTERM, SIGINT and SIGHUP ask to stop, SIGUSR1 to save; a second SIGINT stops at once."""

    def __init__(self) -> None:
        self._request = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python does not let anyone handle signals
            self._before = {number: signal.signal(number, self._note) for number in (*_STOPPING, signal.SIGUSR1)}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def take(self) -> int:
        """What was asked for since the last time: 0 nothing, SAVE, or an exit status, which is asked for ever after."""
        request = self._request
        if request == SAVE:
            self._request = 0
        return request

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self._request > SAVE:
            raise KeyboardInterrupt
        self._request = max(self._request, _STOPPING.get(signal.Signals(number), SAVE))


def name_of(status: int) -> str:
    """143 → SIGTERM."""
    return signal.Signals(status - 128).name
