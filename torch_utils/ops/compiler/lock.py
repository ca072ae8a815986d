"""One builder at a time, and nobody waits for ever.

The lock only saves work: a build happens in a folder of its own and is renamed into place, so two at once do no harm.
That is why a waiter may go on without the lock, whenever its holder shows no life or the file system has no locks.
The kernel releases the lock of a killed process; the text in the file is for the message and for signs of life.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

POLL = 0.2  # seconds between two looks
STALE = 90.0  # seconds without a sign of life; network file systems show a file's time up to a minute late

Say = Callable[[str], None]


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: a process is known by its number and the time it was started, which no two share."""

    host: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> "Owner":
        """The running process."""
        return cls(socket.gethostname(), os.getpid(), _start_time(os.getpid()))

    def is_dead(self) -> bool:
        """True if it ran on this machine and no longer does; of other machines nothing is known."""
        return self.host == socket.gethostname() and _start_time(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass
class Held:
    """A lock that is held, after so many seconds; not `exclusive` where this process goes on without it."""

    descriptor: int
    exclusive: bool
    waited: float

    def beat(self) -> None:
        """A sign of life, to be given every few seconds."""
        if self.exclusive:
            os.utime(self.descriptor)


@contextmanager
def build_lock(
    path: Path, say: Say, *, patience: float, stale: float = STALE, check: Callable[[], None] = lambda: None
) -> Iterator[Held]:
    """Hold the lock file `path`, or go on without it once waiting makes no sense.

    Args:
        say: told once for whom this process waits, and why it stops waiting.
        patience: seconds after which it goes on however lively the holder is.
        stale: seconds without a sign of life after which the holder counts as dead.
        check: called while waiting; what it raises ends the waiting.
    Raises:
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        began = time.monotonic()
        exclusive = _acquire(descriptor, say, patience, stale, check)
        if exclusive:
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(Owner.this_process())).encode(), 0)
        yield Held(descriptor, exclusive, time.monotonic() - began)
    finally:
        os.close(descriptor)  # which releases the lock


def _acquire(descriptor: int, say: Say, patience: float, stale: float, check: Callable[[], None]) -> bool:
    """True with the lock; False where it is better to go on without."""
    began = changed = time.monotonic()
    last_beat, told = None, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError:  # a file system without locks
            return False
        owner, beat, now = _owner(descriptor), os.fstat(descriptor).st_mtime_ns, time.monotonic()
        if beat != last_beat:
            last_beat, changed = beat, now
        name = owner or "another process"
        if not told:
            say(f"waiting for {name}, which builds the same")
            told = True
        if owner is not None and owner.is_dead():
            say(f"{name} is gone but its lock is still held; building without waiting for it")
            return False
        if now - changed > stale:
            say(f"{name} has shown no life for {stale:g} s; building without waiting for it")
            return False
        if now - began > patience:
            say(f"{name} has been building for {patience:g} s; building without waiting for it")
            return False
        check()
        time.sleep(POLL)


def _owner(descriptor: int) -> Owner | None:
    """Who wrote the file, None if nobody has yet."""
    try:
        return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None


def _start_time(pid: int) -> str:
    """When a process of this machine was started, in the kernel's ticks; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
