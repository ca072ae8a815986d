"""Writing an archive: stored pictures in the field's naming, dataset.json last, the same bytes for the same input."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dataset import manifest
from dataset.archive import content_digest
from dataset.leakage import Crop
from torch_utils.errors import ConfigError
from torch_utils.files import atomic_write
from torch_utils.labels import LabelSet

PICTURES_PER_FOLDER = 1000
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can state; ours are the same whenever they are made
UNIX, READABLE = 3, 0o644 << 16


@dataclass(frozen=True, kw_only=True)
class Description:
    """What dataset.json says about the pictures, each list in their order.

    Attributes:
        labels: {set name: class index of each picture or None}.
        crops: where each picture was cut from, None where unknown; empty where nothing is known.
        lacking: {split: pictures of it that the source lacked}; lacking_names: their names, where known.
        main_set: the set to offer to other trainers under their key `labels`; None offers none.
    """

    label_sets: Sequence[LabelSet] = ()
    labels: Mapping[str, Sequence[int | None]]
    splits: Sequence[str | None]
    original_names: Sequence[str]
    crops: Sequence[Crop | None] = ()
    lacking: Mapping[str, int] = field(default_factory=dict)
    lacking_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    main_set: str | None = None
    source: str = ""
    licence: str = ""
    attribution: str = ""
    redistribution: str = ""


class ArchiveWriter:
    """Adds pictures one by one; `finish` writes dataset.json."""

    def __init__(self, archive: zipfile.ZipFile, extension: str):
        self._archive, self._extension = archive, extension
        self.names: list[str] = []
        self._pixels = hashlib.sha256()

    def add(self, encoded: bytes, pixel_digest: bytes) -> None:
        """Store a compressed picture; `pixel_digest` is the SHA-256 of its uint8 [H, W, C] pixels."""
        index = len(self.names)
        self.names.append(f"{index // PICTURES_PER_FOLDER:05d}/img{index:08d}.{self._extension}")
        self._store(self.names[-1], encoded)
        self._pixels.update(pixel_digest)

    def finish(self, description: Description) -> bool:
        """Write dataset.json; say whether the main set was complete and thus went under the key `labels`."""
        document = _document(self.names, description)
        # JPEG decoders differ in the last bit, so only PNG pixels can be named by a digest.
        document["pixel_digest"] = self._pixels.hexdigest() if self._extension == "png" else ""
        read_back = manifest.parse_manifest(json.dumps(document).encode(), self.names, manifest.NAME)
        document["digest"] = content_digest(self._archive, self.names, read_back)
        self._store(manifest.NAME, (json.dumps(document, indent=0, ensure_ascii=True) + "\n").encode())
        return document["labels"] is not None

    def _store(self, name: str, data: bytes) -> None:
        entry = zipfile.ZipInfo(name, EPOCH)
        entry.create_system, entry.external_attr = UNIX, READABLE
        self._archive.writestr(entry, data, zipfile.ZIP_STORED)


@contextmanager
def write_archive(out: Path | str, extension: str) -> Iterator[ArchiveWriter]:
    """Write an archive atomically: `out` appears when the block ends well, else nothing is left.

    Raises:
        ConfigError: `out` does not end in .zip or is a folder.
        StorageError: disk full, read-only, …
    """
    out = Path(out)
    if out.suffix.lower() != ".zip" or out.is_dir():
        raise ConfigError(f"--out {out}: not the name of a zip file. Use for example {out.with_suffix('.zip')}.")
    _clear_leftovers(out)
    with atomic_write(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        yield ArchiveWriter(archive, extension)


def _clear_leftovers(out: Path) -> None:
    """Remove what killed packings of the same zip left; those that go on keep theirs."""
    for path in out.parent.glob(".*.tmp-*"):
        name, _, process = path.name.rpartition(".tmp-")
        if name == f".{out.name}" and process.isdecimal() and not Path(f"/proc/{process}").exists():
            path.unlink(missing_ok=True)


def _document(names: Sequence[str], description: Description) -> dict[str, Any]:
    main = description.labels.get(description.main_set) if description.main_set else None
    complete = main is not None and all(index is not None for index in main)
    return {
        "labels": [list(pair) for pair in zip(names, main, strict=True)] if main is not None and complete else None,
        "label_sets": {
            label_set.name: {
                "classes": list(label_set.classes),
                "labels": dict(zip(names, description.labels[label_set.name], strict=True)),
            }
            for label_set in description.label_sets
        },
        "splits": {name: split for name, split in zip(names, description.splits, strict=True) if split is not None},
        "source": description.source,
        "licence": description.licence,
        "attribution": description.attribution,
        "redistribution": description.redistribution,
        "original_names": dict(zip(names, description.original_names, strict=True)),
    } | _where_known(names, description)


def _where_known(names: Sequence[str], description: Description) -> dict[str, Any]:
    """The keys `crops`, `lacking` and `lacking_names`, where there is something to say."""
    crops = description.crops
    known = {
        name: {
            "page": crop.page,
            "region": [crop.region.x, crop.region.y, crop.region.w, crop.region.h],
            "book": crop.book,
        }
        for name, crop in zip(names, crops or [None] * len(names), strict=True)
        if crop
    }
    absent = {split: [PurePosixPath(name).name for name in found] for split, found in description.lacking_names.items()}
    facts = {
        "crops": known,
        "lacking": description.lacking,
        "lacking_names": {split: found for split, found in absent.items() if found},
    }
    return {key: value for key, value in facts.items() if value}
