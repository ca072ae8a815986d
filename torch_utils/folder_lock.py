"""One writer a folder: a lock that dies with its process."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch_utils.errors import StorageError

NAME = ".lock"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Make the folder and hold its lock; what was made for nothing is removed again.

    The operating system drops the lock with its process, however that ends: a file that a killed one left says nothing.

    Raises:
        StorageError: the folder cannot be made, or another process writes into it.
    """
    made = _make(folder)
    try:
        descriptor = _locked(folder)
        try:
            yield
        finally:
            (folder / NAME).unlink(missing_ok=True)
            os.close(descriptor)
    finally:
        with suppress(OSError):  # there is something in it: then it stays
            for path in made:
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns what had to be made, innermost first."""
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"--outdir {folder}: cannot be made ({error.strerror}). Choose another.") from error
    return absent


def _locked(folder: Path) -> int:
    """The descriptor of a lock file that is still the folder's own once it is locked."""
    path = folder / NAME
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"--outdir {folder}: not writable ({error.strerror}). Choose another.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                os.truncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "a process"
            os.close(descriptor)
            raise StorageError(
                f"--outdir {folder}: {holder} is training into it. Wait until it is done, or choose another folder."
            ) from error
        except OSError:  # a disk full, or a file system without locks: better no lock than no training
            return descriptor
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the name still leads to the open file: its last holder removes it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
