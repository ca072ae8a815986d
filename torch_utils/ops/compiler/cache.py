"""Where finished libraries lie, and under which key: whatever could change the result is in the key.

An entry is a folder, `<library>-<key>`, renamed into place when it is whole; the digest in it tells of damage since.
"""

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from torch_utils.files import storage_error, sync
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.ninja_file import OUTPUT
from torch_utils.ops.compiler.toolchain import Toolchain

_NAME = "kaokore-stylegan"
DIGEST = "sha256"
KEY_LENGTH = 24  # hexadecimal digits
_held: dict[Path, int] = {}  # entry in use → a descriptor whose lock says so, as long as this process lives


def cache_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The user's cache folder, then one of the user's own under the folder for temporary files."""
    home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    return [Path(home) / _NAME / "ops", Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}" / "ops"]


def writable_folder(folders: Sequence[Path]) -> Path:
    """The first folder in which files can be made.

    Raises:
        StorageError: there is none; says why the first will not do.
    """
    errors = []
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(folder)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            errors.append(storage_error(folder, error))
        else:
            return folder
    raise errors[0]


def check_private(folder: Path) -> None:
    """Refuse a folder of somebody else's, or one that others may write to: code is loaded from it.

    Raises:
        PermissionError: the folder or its parent belongs to another user (root is trusted), or anyone may write to it.
    """
    for part in (folder, folder.parent):
        state = part.stat()
        open_to_all = state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX  # sticky: each has their own
        if state.st_uid not in (0, os.getuid()) or open_to_all:
            raise PermissionError(errno.EPERM, "it belongs to another user, or anyone may write to it")


def cache_key(library: Library, toolchain: Toolchain, compiler_flags: Sequence[str]) -> str:
    """Digest of sources, headers, flags, compilers, torch, and for C++ of the processor it is tuned to."""
    assert toolchain.host is not None
    files = (*library.sources, *library.headers)
    parts = {
        "files": [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files],
        "flags": list(compiler_flags),
        "torch": [torch.__version__, torch.version.git_version],
        "host": toolchain.host.version,
        "machine": platform.machine(),
    }
    if library.cuda:
        assert toolchain.cuda is not None
        parts["nvcc"] = toolchain.cuda.version
    else:
        parts["processor"] = processor()
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:KEY_LENGTH]


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the processor can do: its instruction sets. A home folder may be shared by machines that differ in it."""
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    wanted = ("flags", "features", "isa")  # x86, ARM, RISC-V
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() in wanted:
            return " ".join(sorted(value.split()))
    return platform.processor()


def find_intact(folders: Sequence[Path], entry: str) -> Path | None:
    """The library of an entry, where it is whole and in a folder that nobody else writes to; it is now in use."""
    return next((path for folder in folders if (path := use(folder / entry))), None)


def use(place: Path) -> Path | None:
    """The library in an entry's folder if it is intact; from now on nobody takes it away (see `pruning`)."""
    try:
        descriptor = os.open(place / DIGEST, os.O_RDONLY)
    except OSError:
        return None
    if not _lock_shared(descriptor) or (path := intact(place)) is None:
        os.close(descriptor)
        return None
    if (before := _held.get(place)) is not None:
        os.close(before)
    _held[place] = descriptor
    with suppress(OSError):  # a cache that cannot be written
        os.utime(place / DIGEST)  # the time of its last use
    return path


def _lock_shared(descriptor: int) -> bool:
    """False where the entry is just being taken away."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: there nothing is taken away
        return True
    return True


def intact(place: Path) -> Path | None:
    """The library in an entry's folder if its digest is the one it was stored with."""
    path = place / OUTPUT
    try:
        check_private(place)
        stored = (place / DIGEST).read_text(encoding="ascii")
        return path if hashlib.sha256(path.read_bytes()).hexdigest() == stored else None
    except (OSError, UnicodeDecodeError):
        return None


def commit(made: Path, place: Path) -> Path:
    """Move a finished build folder into the cache in one step; a damaged one that lay there is replaced.

    Raises:
        StorageError: the disk is full or not writable.
    """
    library = made / OUTPUT
    try:
        digest = made / DIGEST
        digest.write_text(hashlib.sha256(library.read_bytes()).hexdigest(), encoding="ascii")
        for path in (library, digest):
            sync(path)
        if (theirs := intact(place)) is not None:  # of someone who could not be waited for
            shutil.rmtree(made)
            return theirs
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)
    except OSError as error:
        raise storage_error(place, error) from error
    return place / OUTPUT
