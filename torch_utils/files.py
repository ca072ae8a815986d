"""Writing files so that a reader sees the old one or the new one, never half of one."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch_utils.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the same folder; when the block ends well, sync it and rename it to `path`.

    Whatever happens inside, no partial file is left and an older `path` stays as it was.

    Raises:
        StorageError: the disk is full, read-only, or the folder cannot be made.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        usual_rights = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        temporary.chmod(usual_rights)  # safetensors writes for the owner alone, whatever the umask
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise storage_error(path, error) from error
        raise


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed process left in a folder; those of living processes stay."""
    for path in folder.glob(".*.tmp-*"):
        process = path.name.rpartition("-")[2]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            with suppress(OSError):
                path.unlink()


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say in one line why `path` could not be written and what to do about it."""
    if error.errno in _FULL:
        return StorageError(f"{path}: no space left on the disk. Free some and run the same command again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path}: not writable ({error.strerror}). Choose another folder.")
    return StorageError(f"{path}: could not be written ({error.strerror or error}). Choose another place.")


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
