"""Opening zip files that may be damaged or hostile: everything suspicious is refused before anything is unpacked."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dataset.decode import SUFFIXES
from torch_utils.errors import DataError

MAX_ENTRY_BYTES = 512 * 2**20
MAX_RATIO = 100
FREE_BYTES = 64 * 2**20  # small archives may unpack to this much whatever their ratio


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip for reading after checking its directory.

    Raises:
        DataError: missing, a folder, not a zip, cut short, encrypted, entries that overlap or unpack to absurd sizes.
    """
    if path.is_dir():
        raise DataError(f"{path}: a folder, not a zip. Pack it first: dataset_tool.py pack {path} --out faces.zip.")
    if not path.exists():
        raise DataError(f"{path}: no such file. Check the path, or make one with dataset_tool.py pack or demo.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{path}: not a zip, or cut short ({error}). Copy it again or make it with dataset_tool.py."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Check the file and its rights."
        ) from error
    try:
        _check_directory(path, archive.infolist())
    except DataError:
        archive.close()
        raise
    return archive


def _check_directory(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    size = path.stat().st_size
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    largest = max((entry.file_size for entry in entries), default=0)
    if packed > size:
        raise DataError(
            f"{path}: its entries overlap ({packed} packed bytes in a file of {size}). Not opened: zip bomb."
        )
    if largest > MAX_ENTRY_BYTES or unpacked > FREE_BYTES + MAX_RATIO * size:
        raise DataError(
            f"{path}: {size} bytes would unpack to {unpacked}. Not opened: a zip bomb. Repack the pictures by hand."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise DataError(f"{path}: encrypted. Unpack it with its password and pack the folder.")
    seen: set[str] = set()
    for entry in entries:
        if entry.filename in seen:
            raise DataError(f"{path}: holds {entry.filename} twice. Unpack it and pack the folder.")
        seen.add(entry.filename)


def read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one entry whole; its CRC-32 is checked.

    Raises:
        DataError: damaged, naming the entry.
    """
    try:
        return archive.read(name)
    except KeyError:
        raise DataError(
            f"{archive.filename}: holds no {name}. Check the archive with dataset_tool.py verify."
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{archive.filename}: {name} is damaged ({reason}). Copy or make the archive again.") from error


def picture_names(names: Iterable[str]) -> list[str]:
    """Names that look like pictures, sorted; folders, hidden files and macOS leftovers are left out."""
    return sorted(name for name in names if is_picture_name(name))


def is_picture_name(name: str) -> bool:
    """Whether a name (slashes between folders) ends like a picture and no part of it is hidden."""
    path = PurePosixPath(name)
    hidden = any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in path.parts)
    return not name.endswith("/") and not hidden and path.suffix.lower() in SUFFIXES
