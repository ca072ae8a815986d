"""The download's journal: one JSON line for each picture, appended as it comes; the last line of a name counts."""

import json
import os
import threading
from pathlib import Path
from typing import Any

from torch_utils.errors import DataError
from torch_utils.files import storage_error

NAME = "manifest.jsonl"
Entry = dict[str, Any]


class Journal:
    """Append-only, from many threads; a line that a killed process left half is written off when it is read."""

    def __init__(self, path: Path):
        self.path = path
        self.entries = read_journal(path)
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def add(self, entry: Entry) -> None:
        """Append one entry; it is in the file when this returns.

        Raises:
            StorageError: disk full, read-only, …
        """
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                if self._descriptor is None:
                    self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                    line = (b"" if _ends_whole(self._descriptor) else b"\n") + line
                if os.write(self._descriptor, line) != len(line):
                    raise OSError("short write")
            except OSError as error:
                raise storage_error(self.path, error) from error
            self.entries[entry["name"]] = entry

    def close(self) -> None:
        """Wait until all of it is on the disk."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


def read_journal(path: Path) -> dict[str, Entry]:
    """{name: its last entry}; lines that are no entries are passed over, their pictures will be looked at again.

    Raises:
        DataError: the file is there but cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}). Check its rights.") from error
    entries: dict[str, Entry] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("sha256"), str):
            entries[entry["name"]] = entry
    return entries


def _ends_whole(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
