"""Checkpoint files: tensors and numbers that a training goes on with, replaced whole, checked when they are read."""

import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from torch_utils.errors import SnapshotError
from torch_utils.files import atomic_write

# What Python's zipfile raises where its directory is wrong: a name that is no text, an unknown flag or method, …
_DAMAGED = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
)
_UNFIT = (RuntimeError, KeyError, ValueError, TypeError)


def write_checkpoint(path: Path, contents: Mapping[str, Any]) -> None:
    """Write atomically.

    Args:
        contents: tensors, numbers, text and collections of these; "format" names whose they are.
    Raises:
        StorageError: disk full, read-only, …; an older file stays as it was.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(contents), file)
        except RuntimeError as error:
            raise (_system_error(error) or error) from error


def read_checkpoint(path: Path, wanted: str, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; no code is run.

    Args:
        wanted: the "format".
    Raises:
        SnapshotError: damaged, of another program or of another version.
    """
    if not is_whole(path):
        raise SnapshotError(f"{path}: damaged. Use another --outdir.")
    try:
        contents = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise SnapshotError(f"{path}: not a checkpoint of this program. Use another --outdir.") from error
    if not isinstance(contents, dict) or contents.get("format") != wanted:
        raise SnapshotError(
            f"{path}: not a checkpoint of this version. Use the one that wrote it, or another --outdir."
        )
    return contents


def is_whole(path: Path) -> bool:
    """True if the file's own checksums agree (torch.save writes a zip with CRCs but never checks them)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except _DAMAGED:
        return False


@contextmanager
def filling(path: Path) -> Iterator[None]:
    """Around putting a file's contents into networks and optimisers: what does not fit becomes a SnapshotError."""
    try:
        yield
    except _UNFIT as error:
        reason = " ".join(str(error).split())[:160]
        raise SnapshotError(f"{path}: not a state of these networks ({reason}). Use another --outdir.") from error


def _system_error(error: BaseException) -> OSError | None:
    """The operating system's error that torch.save's own came from, if any: it hides a full disk behind another."""
    context = error.__context__
    while context is not None and not isinstance(context, OSError):
        context = context.__context__
    return context
