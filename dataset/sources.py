"""Where pictures to pack come from: a folder or a zip, seen as names and bytes; nothing is ever unpacked to disk."""

import os
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from dataset.zips import is_picture_name, open_zip, read_entry
from torch_utils.errors import DataError
from torch_utils.text import printable


class Source(ABC):
    """Named files; names are relative, with slashes, sorted. Use as a context manager."""

    def __init__(self, path: Path, files: Sequence[str]):
        self.path = path
        self.files = sorted(files)

    @property
    def pictures(self) -> list[str]:
        """The files that look like pictures, in name order."""
        return [name for name in self.files if is_picture_name(name)]

    @abstractmethod
    def read(self, name: str) -> bytes:
        """All bytes of a file. Raises DataError or OSError where it cannot be read."""

    @abstractmethod
    def stream(self, name: str) -> IO[bytes]:
        """A file opened for reading its beginning."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files."""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class FolderSource(Source):
    """A folder with all its sub-folders; linked files are read, linked folders are not entered."""

    def __init__(self, path: Path):
        files = [
            (Path(folder) / name).relative_to(path).as_posix()
            for folder, _, names in os.walk(path, onerror=_raise)
            for name in names
        ]
        super().__init__(path, files)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def stream(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def close(self) -> None:
        pass


class ZipSource(Source):
    """The files of a zip. Names that lead outside and symbolic links stay in the list, but reading them fails."""

    def __init__(self, path: Path):
        self._zip = open_zip(path)
        super().__init__(path, [name for name in self._zip.namelist() if not name.endswith("/")])

    def read(self, name: str) -> bytes:
        self._check(name)
        return read_entry(self._zip, name)

    def stream(self, name: str) -> IO[bytes]:
        self._check(name)
        try:
            return self._zip.open(name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{self.path}: {name} is damaged ({error}).") from error

    def close(self) -> None:
        self._zip.close()

    def _check(self, name: str) -> None:
        if leads_outside(name):
            raise DataError(f"{printable(name)}: its name leads outside the archive")
        if stat.S_ISLNK(self._zip.getinfo(name).external_attr >> 16):
            raise DataError(f"{printable(name)}: a symbolic link")


def open_source(path: Path | str) -> Source:
    """A folder or a zip as a source.

    Raises:
        DataError: neither.
    """
    path = Path(path)
    if not path.is_dir():
        return ZipSource(path)
    try:
        return FolderSource(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be listed ({error.strerror or error}). Check its rights.") from error


def leads_outside(name: str) -> bool:
    """Whether a name is absolute, has a drive or climbs up: `../x.png`, `/x.png`, `C:\\x.png`, `..\\x.png`."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _raise(error: OSError) -> None:
    raise error
