"""Politeness: how often one host may be asked, slower when it asks for it, not at all when it fails on and on."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime

FIRST_SLOWING = 0.25  # where no interval was asked for
GOOD_ANSWERS_TO_RECOVER = 50
WATCH_SECONDS = 30.0


class StoppedError(Exception):
    """This host, or the whole run, is over; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How to behave.

    Attributes:
        per_host: requests at once to one host; in_all to all of them.
        interval: least seconds between two starts of requests to one host.
        slowest: seconds between requests, however often a host says that it is overloaded.
        attempts: tries of one address.
        max_wait: most seconds to wait where a server says when to come back.
        patience: failures in a row after which a host is left alone for `pause` s; for good after `pauses` of them.
        max_requests: of the whole run; None is no limit.
        hours: (from, to) of the day, local time, outside of which nothing is asked.
    """

    per_host: int = 2
    in_all: int = 6
    interval: float = 0.5
    slowest: float = 8.0
    attempts: int = 5
    first_wait: float = 1.0
    max_wait: float = 300.0
    patience: int = 10
    pause: float = 60.0
    pauses: int = 3
    max_requests: int | None = None
    hours: tuple[int, int] | None = None


class Run:
    """What all hosts share: the stop signal, the connections at once, the number of requests."""

    def __init__(self, manners: Manners):
        self.manners = manners
        self.stop = threading.Event()
        self.at_once = threading.BoundedSemaphore(manners.in_all)
        self._lock = threading.Lock()
        self.requests = 0

    def count(self) -> None:
        """One more request. Raises StoppedError beyond max_requests."""
        with self._lock:
            most = self.manners.max_requests
            if most is not None and self.requests >= most:
                raise StoppedError(f"the {most} requests of --max-requests are used up")
            self.requests += 1

    def sleep(self, seconds: float) -> None:
        """Sleep, but wake when the run is stopped. Raises StoppedError then."""
        if self.stop.wait(max(0.0, seconds)):
            raise StoppedError("interrupted")


class Host:
    """One host's turn-taking; shared by the threads that ask it."""

    def __init__(self, name: str, run: Run):
        self.name, self.run = name, run
        self.interval = run.manners.interval
        self.stopped = ""
        self._lock = threading.Lock()
        self._next_start = 0.0
        self._failures = self._pauses = self._good = 0

    def wait_turn(self) -> None:
        """Return when a request may start, one of those at once taken; `Turn` gives it back. Raises StoppedError."""
        while seconds := _until_open(self.run.manners.hours, datetime.now()):
            self.run.sleep(min(seconds, WATCH_SECONDS))
        with self._lock:  # whoever holds it sleeps for all behind it
            while (wait := self._next_start - time.monotonic()) > 0:
                if self.stopped:
                    break
                self.run.sleep(min(wait, WATCH_SECONDS))
            if self.stopped:
                raise StoppedError(self.stopped)
            self.run.at_once.acquire()
            try:
                self.run.sleep(0)
                self.run.count()
            except StoppedError:
                self.run.at_once.release()
                raise
            self._next_start = time.monotonic() + self.interval

    def went_well(self) -> None:
        """An answer that was an answer: after many, an interval that was lengthened is shortened again."""
        self._failures = 0
        self._good += 1
        if self._good % GOOD_ANSWERS_TO_RECOVER == 0:
            self.interval = max(self.run.manners.interval, self.interval / 2)

    def went_badly(self, reason: str, *, wait: float | None = None, overloaded: bool = False) -> None:
        """A failure: slower when the host says so, a pause after many in a row, the end after several pauses."""
        manners = self.run.manners
        self._good = 0
        self._failures += 1
        if overloaded:
            self.interval = min(manners.slowest, max(2 * self.interval, FIRST_SLOWING))
        if wait:
            self._next_start = max(self._next_start, time.monotonic() + min(wait, manners.max_wait))
        if self._failures < manners.patience:
            return
        self._failures = 0
        self._pauses += 1
        self._next_start = time.monotonic() + manners.pause
        if self._pauses > manners.pauses:
            self.stopped = f"{self.name} failed on and on ({reason}), it is left alone"


class Turn:
    """A place among the requests at once, taken anew before each request and given back at the end of the block."""

    def __init__(self, host: Host):
        self._host, self._held = host, False

    def take(self) -> None:
        """Wait for the host's turn. Raises StoppedError."""
        self._give_back()
        self._host.wait_turn()
        self._held = True

    def _give_back(self) -> None:
        if self._held:
            self._host.run.at_once.release()
            self._held = False

    def __enter__(self) -> "Turn":
        return self

    def __exit__(self, *exception: object) -> None:
        self._give_back()


def _until_open(hours: tuple[int, int] | None, now: datetime) -> float:
    """Seconds until the hours begin; 0 inside them. 22 to 6 goes over midnight."""
    if hours is None:
        return 0.0
    start, end = hours
    inside = start <= now.hour < end if start < end else (now.hour >= start or now.hour < end)
    if inside:
        return 0.0
    ahead = (start - now.hour) % 24
    return ahead * 3600.0 - now.minute * 60 - now.second or 1.0
