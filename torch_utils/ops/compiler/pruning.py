"""Old entries of the cache: of each library only those used last are kept.

Whoever uses an entry holds a shared lock on its digest for as long as the process lives; the kernel frees it then. An
entry that is locked, or whose file system has no locks, stays. One that goes is renamed first, so that nobody finds
half of it.
"""

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch_utils.ops.compiler.cache import DIGEST, KEY_LENGTH

KEPT = 6  # entries of a library: some checkouts, machines or cards that share a home folder
_DAY = 86400.0


def prune(folder: Path, name: str, kept: int = KEPT) -> None:
    """Remove all but the entries of the library `name` that were used last, and what is left of long-gone builds."""
    entry = re.compile(re.escape(name) + f"-[0-9a-f]{{{KEY_LENGTH}}}")
    places = [place for place in folder.iterdir() if entry.fullmatch(place.name) and place.is_dir()]
    for place in sorted(places, key=_last_use, reverse=True)[kept:]:
        _remove(place)
    for leftover in folder.glob(f".{name}-*.tmp-*"):  # of a process that was killed
        if _age(leftover) > _DAY:
            shutil.rmtree(leftover, ignore_errors=True)
    for path in folder.iterdir():
        stem, _, kind = path.name.partition(".")
        if kind in ("lock", "failed") and entry.fullmatch(stem) and not (folder / stem).exists():
            _remove_note(path)


def _last_use(place: Path) -> float:
    try:
        return (place / DIGEST).stat().st_mtime
    except OSError:  # damaged, or just removed by another process
        return 0.0


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(place: Path) -> None:
    """Take an entry away unless somebody uses it; nobody does where its digest is missing."""
    gone = place.with_name(f".{place.name}.tmp-{socket.gethostname()}-{os.getpid()}")
    digest = place / DIGEST
    with suppress(OSError):  # another process was faster, or it is not ours
        with _alone(digest if digest.exists() else place) as free:
            if free:
                place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _remove_note(path: Path) -> None:
    """Take a lock file or a failure away that is older than a day and that nobody holds."""
    with suppress(OSError):
        if _age(path) > _DAY:
            with _alone(path) as free:
                if free:
                    path.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether this process alone has a file locked, as long as the block lasts."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # in use, or no locks here
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
