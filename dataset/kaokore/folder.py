"""A folder of KaoKore pictures: images_256 (or images_native), the index files, what they are, and the journal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dataset.image_api import ImageAddress
from dataset.kaokore.index import Index, MetadataError, read_index, with_borrowed
from dataset.kaokore.labels import ATTRIBUTION, FOLDER, LICENCE, NATIVE_FOLDER, REDISTRIBUTION
from dataset.kaokore.versions import COMMIT, INDEX_FILES, VERSIONS
from dataset.web import journal
from dataset.web.acceptance import Expected
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import sweep, write_text

ABOUT = "kaokore.json"
HASHES = "hashes.sha256"
FAILED = "failed.tsv"
BAD = "bad"
SIDE = 256
THUMBNAIL = "!200,200"  # what v1.3 asks Keio for

Mode = Literal["official", "native"]
FOLDERS: dict[str, str] = {"official": FOLDER, "native": NATIVE_FOLDER}


@dataclass(frozen=True)
class KaokoreFolder:
    """Where the pictures of one version lie, in one mode."""

    path: Path
    version: str
    mode: Mode
    unpinned: bool = False
    borrowed: Mapping[str, str] = field(default_factory=dict)  # addresses that another version's list gave

    @property
    def images(self) -> Path:
        """The folder of the pictures."""
        return self.path / FOLDERS[self.mode]

    def picture(self, name: str) -> Path:
        """The file of a picture."""
        return self.images / name

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / journal.NAME

    def begin(self, index: Index) -> None:
        """Write what it is, and the index files as they are; clear what a killed run left.

        Raises:
            ConfigError: the folder holds another version or mode.
        """
        if (self.path / ABOUT).exists():
            there = open_folder(self.path)
            if (there.version, there.mode) != (self.version, self.mode):
                raise ConfigError(
                    f"--dest {self.path}: holds v{there.version} in {there.mode} mode, not v{self.version} in "
                    f"{self.mode} mode. Choose another folder: names differ between versions."
                )
        self.images.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.images):
            sweep(folder)
        for file in INDEX_FILES:
            if not (self.path / file).exists() or (self.path / file).read_bytes() != index.files[file]:
                write_text(self.path / file, index.files[file].decode("utf-8"))
        write_text(self.path / ABOUT, json.dumps(self._about(index), indent=1, ensure_ascii=False) + "\n")

    def _about(self, index: Index) -> dict[str, Any]:
        return {
            "version": self.version,
            "mode": self.mode,
            "unpinned": self.unpinned,
            "commit": COMMIT,
            "licence": LICENCE,
            "attribution": ATTRIBUTION,
            "redistribution": REDISTRIBUTION,
            "borrowed": index.borrowed or self.borrowed,
        }

    def index(self) -> Index:
        """The index from the folder's own files.

        Raises:
            MetadataError: absent, or not those of the version.
        """
        try:
            files = {file: (self.path / file).read_bytes() for file in INDEX_FILES}
        except OSError as error:
            raise MetadataError(f"{error.filename}: {error.strerror}. Fetch or adopt into the folder again.") from error
        index = read_index(files, self.version, str(self.path), unpinned=self.unpinned)
        return with_borrowed(index, self.borrowed, str(self.path / ABOUT)) if self.borrowed else index

    def write_hashes(self) -> None:
        """The pictures' SHA-256 as `sha256sum --check` reads them."""
        entries = journal.read_journal(self.journal)
        lines = [f"{entries[name]['sha256']}  {self.images.name}/{name}\n" for name in sorted(entries)]
        write_text(self.path / HASHES, "".join(lines))


def open_folder(path: Path) -> KaokoreFolder:
    """A folder that fetch or adopt made.

    Raises:
        DataError: it has no kaokore.json, or an odd one.
    """
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        version, mode = about["version"], about["mode"]
        unpinned = bool(about.get("unpinned", False))
        borrowed = dict(about.get("borrowed", {}))
    except OSError as error:
        raise DataError(
            f"{path}: no {ABOUT} in it ({error.strerror}). Make it with dataset_tool.py kaokore fetch or adopt."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path / ABOUT}: not as fetch and adopt write it. Fetch or adopt again.") from error
    if version not in VERSIONS or mode not in FOLDERS:
        raise DataError(f"{path / ABOUT}: version {version!r} in mode {mode!r} is none. Fetch or adopt again.")
    return KaokoreFolder(path, version, mode, unpinned, borrowed)


def sizes(address: ImageAddress, mode: Mode) -> tuple[Expected, ...]:
    """The sizes a picture may have: 256×256, and where the version lists a thumbnail also that."""
    if mode == "native":
        return (Expected("any"),)
    whole = Expected("exactly", SIDE, SIDE)
    return (whole, Expected("inside", 200, 200)) if address.size == THUMBNAIL else (whole,)
