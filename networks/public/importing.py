"""A public checkpoint as one of our snapshots: its story, and tensors by part, under our names."""

import dataclasses
import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from networks.public.conversion import PARTS, Imported
from networks.public.network_pickle import convert_pickle
from networks.public.records import RefusedError
from networks.public.rosinality import convert_torch_file
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.version import PROJECT_VERSION

_MOST_BYTES = 4 * 2**30
_READERS: dict[str, Callable[[bytes, Collection[str]], Imported]] = {
    ".pkl": convert_pickle,
    ".pickle": convert_pickle,
    ".pt": convert_torch_file,
    ".pth": convert_torch_file,
}


def is_public(path: Path) -> bool:
    """True where a file's name is that of a public checkpoint rather than of one of our snapshots."""
    return path.suffix.lower() in _READERS


def read_public(path: Path, parts: Collection[str] = PARTS) -> Imported:
    """Read and convert a public checkpoint; nothing in it is run.

    Args:
        parts: which to convert; a network that is not asked for may be of any kind.
    Raises:
        SnapshotError: missing, damaged, not of a known format, something in it that is not let in (by name), or a
            network with options that ours do not have.
    """
    content = _content(path)
    try:
        imported = _READERS[path.suffix.lower()](content, parts)
    except RefusedError as error:
        raise SnapshotError(f"{path}: not imported: {error}. Nothing in it was run; use another file.") from error
    except ConfigError as error:
        raise SnapshotError(f"{path}: not imported: {error}") from error
    data = {"source": path.name} | imported.info.data
    digest = hashlib.sha256(content).hexdigest()
    info = dataclasses.replace(imported.info, data=data, digest=digest, project_version=PROJECT_VERSION)
    return dataclasses.replace(imported, info=info)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SnapshotError(f"{path}: {path.stat().st_size} bytes, more than any public checkpoint. Use another.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SnapshotError(f"{path}: no such file. Give a network.pkl or a snapshot-….safetensors.") from error
    except OSError as error:
        raise SnapshotError(f"{path}: not readable ({error.strerror}). Use another file.") from error
