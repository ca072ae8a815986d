"""Reading the field's format: a zip of square pictures and a dataset.json."""

import hashlib
import json
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from dataset import manifest as manifests
from dataset.decode import PictureError, decode, open_header
from dataset.manifest import Manifest, empty_manifest, parse_manifest
from dataset.zips import open_zip, picture_names, read_entry
from torch_utils.errors import DataError
from torch_utils.labels import LabelSet

CHANNELS = {"L": 1, "RGB": 3}
DECODING_THREADS = 4


class Archive:
    """A zip of square pictures of one size, opened for reading; made by `Archive.open`.

    Attributes:
        names: entry names, sorted; every index is a place in it.
        channels: 1 (grey) or 3 (RGB).
        digest: of the content as it was when opened, see `content_digest`; an archive changed by hand gets another one.
    """

    def __init__(
        self, path: Path, names: Sequence[str], manifest: Manifest, *, resolution: int, channels: int, digest: str
    ):
        self.path, self.resolution, self.channels, self.digest = path, resolution, channels, digest
        self.names: tuple[str, ...] = tuple(names)
        self.manifest = manifest
        self._zip: zipfile.ZipFile | None = None
        self._owner = -1

    @classmethod
    def open(cls, path: Path | str) -> "Archive":
        """Check the zip, its dataset.json and every picture's header (not the pixels); pictures come in name order.

        Raises:
            DataError: missing, not a zip, a zip bomb, no pictures, mixed or oblong sizes, labels of the wrong form.
        """
        path = Path(path)
        with open_zip(path) as archive:
            names = picture_names(archive.namelist())
            if not names:
                raise DataError(f"{path}: holds no pictures. Make it with dataset_tool.py pack or demo.")
            manifest = _read_manifest(archive, names, path)
            resolution, channels = _check_headers(archive, names, path)
            digest = content_digest(archive, names, manifest)
        return cls(path, names, manifest, resolution=resolution, channels=channels, digest=digest)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def label_sets(self) -> tuple[LabelSet, ...]:
        """The questions asked of the pictures (gender, status, …)."""
        return self.manifest.label_sets

    @property
    def labels(self) -> torch.Tensor:
        """Class indices, int64 [N, len(label_sets)], UNLABELLED (-1) in the gaps."""
        return self.manifest.labels

    @property
    def splits(self) -> tuple[str | None, ...]:
        """The split of each picture, None where it belongs to none."""
        return self.manifest.splits

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits there are, in order of first appearance."""
        return tuple(dict.fromkeys(split for split in self.splits if split is not None))

    @property
    def source(self) -> str:
        """Where the pictures come from; "" where unknown."""
        return self.manifest.source

    @property
    def licence(self) -> str:
        """The licence of the pictures; "" where unknown."""
        return self.manifest.licence

    @property
    def attribution(self) -> str:
        """Whom to name when pictures or what was made of them are shown; "" where unknown."""
        return self.manifest.attribution

    def indices(self, split: str | None) -> np.ndarray:
        """Indices of a split, int64; None or "all" gives every picture.

        Raises:
            DataError: no such split, listing those there are.
        """
        if split is None or split == "all":
            return np.arange(len(self), dtype=np.int64)
        if split not in self.split_names:
            there = ", ".join(("all", *self.split_names))
            raise DataError(f"{self.path}: no split '{split}'. Use one of: {there}.")
        return np.array([index for index, name in enumerate(self.splits) if name == split], dtype=np.int64)

    def picture(self, index: int) -> np.ndarray:
        """Decode one picture: uint8 [C, H, W].

        Raises:
            DataError: the entry is damaged, or not of the archive's size and mode.
        """
        name = self.names[index]
        try:
            picture = open_header(self.picture_bytes(index))
            decode(picture)
        except PictureError as error:
            raise DataError(
                f"{self.path}: {name}: {error}. Make the archive again with dataset_tool.py pack."
            ) from error
        if CHANNELS.get(picture.mode) != self.channels or picture.size != (self.resolution, self.resolution):
            raise DataError(f"{self.path}: {name} changed since the archive was opened. Start again.")
        array = np.asarray(picture)
        return array[None] if self.channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))

    def picture_bytes(self, index: int) -> bytes:
        """The stored file of one picture (PNG, JPEG, …), its CRC-32 checked; raises DataError where it is damaged."""
        return read_entry(self._reader(), self.names[index])

    def load(self, indices: np.ndarray, threads: int = DECODING_THREADS) -> torch.Tensor:
        """Decode many pictures with a few threads: uint8 [len(indices), C, H, W].

        Raises:
            DataError: as `picture`; nothing is returned when one entry is damaged.
        """
        pictures = torch.empty(len(indices), self.channels, self.resolution, self.resolution, dtype=torch.uint8)
        view = pictures.numpy()

        def fill(place: int) -> None:
            view[place] = self.picture(int(indices[place]))

        self._reader()  # opened before the threads start, so that they share one
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(fill, range(len(indices))):
                pass
        return pictures

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_zip": None, "_owner": -1}

    def _reader(self) -> zipfile.ZipFile:
        """One open file for each process: a forked child must not move its parent's file position."""
        if self._zip is None or self._owner != os.getpid():
            self._zip, self._owner = open_zip(self.path), os.getpid()
        return self._zip


def content_digest(archive: zipfile.ZipFile, names: Sequence[str], manifest: Manifest) -> str:
    """SHA-256 over what is stored: [name, size, CRC-32] of each picture, label sets, labels and splits."""
    entries = [archive.getinfo(name) for name in names]
    content = {
        "pictures": [[entry.filename, entry.file_size, entry.CRC] for entry in entries],
        "sets": [[label_set.name, list(label_set.classes)] for label_set in manifest.label_sets],
        "labels": manifest.labels.tolist(),
        "splits": list(manifest.splits),
    }
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _read_manifest(archive: zipfile.ZipFile, names: Sequence[str], path: Path) -> Manifest:
    if manifests.NAME not in archive.NameToInfo:
        return empty_manifest(len(names))
    return parse_manifest(read_entry(archive, manifests.NAME), names, f"{path}: {manifests.NAME}")


def _check_headers(archive: zipfile.ZipFile, names: Sequence[str], path: Path) -> tuple[int, int]:
    """The resolution and channels all pictures share, those of the majority being the expected ones."""
    shapes = [_shape(archive, name, path) for name in names]
    size, mode = Counter(shapes).most_common(1)[0][0]
    remedy = f"Make it again with dataset_tool.py pack --resolution {min(size)}."
    for what, kind in (("{}×{}".format(*size), 0), (f"{mode} pictures", 1)):
        others = [index for index, shape in enumerate(shapes) if shape[kind] != (size, mode)[kind]]
        if others:
            first, (odd_size, odd_mode) = names[others[0]], shapes[others[0]]
            found = odd_mode if kind else "{}×{}".format(*odd_size)
            raise DataError(
                f"{path}: {len(others)} of {len(names)} pictures are not {what} (first: {first}, {found}). {remedy}"
            )
    if size[0] != size[1]:
        raise DataError(f"{path}: the pictures are {size[0]}×{size[1]}, not square. {remedy}")
    if mode not in CHANNELS:
        raise DataError(f"{path}: the pictures are of mode {mode}, not RGB or grey with 8 bits. {remedy}")
    return size[0], CHANNELS[mode]


def _shape(archive: zipfile.ZipFile, name: str, path: Path) -> tuple[tuple[int, int], str]:
    try:
        with archive.open(name) as stream:
            picture = open_header(stream)
            return picture.size, picture.mode
    except PictureError as error:
        raise DataError(f"{path}: {name}: {error}. Make the archive again with dataset_tool.py pack.") from error
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: {name} is damaged ({error}). Copy or make the archive again.") from error
