"""Features of real pictures, remembered by content: the same pictures are never scored twice, others never mistaken."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.archive import Archive
from metrics.extractors import Extractor
from metrics.features import library_version
from torch_utils import seeds as seeding
from torch_utils.errors import StorageError
from torch_utils.files import atomic_write

_BATCH = 64
DEFAULT_CACHE = Path("~/.cache/kaokore-stylegan/features")


def real_features(archive: Archive, indices: np.ndarray, extractor: Extractor, cache: Path | None) -> Tensor:
    """Features [len(indices), D] of an archive's pictures, from the cache folder if they are there.

    A damaged or unwritable cache costs time, never correctness.
    """
    path = cache.expanduser() / f"{_key(archive, indices, extractor)}.npz" if cache is not None else None
    if path is not None and (cached := _read(path, len(indices))) is not None:
        return cached
    parts = [extractor(archive.load(indices[start : start + _BATCH])) for start in range(0, len(indices), _BATCH)]
    features = torch.cat(parts)
    if path is not None:
        _write(path, features)
    return features


def choose(indices: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` of the indices drawn without replacement, as a function of the seed; all of them if there are no more."""
    if count >= len(indices):
        return indices
    order = torch.randperm(len(indices), generator=seeding.generator(seed, "reference"))
    return np.sort(indices[order[:count].numpy()])


def _key(archive: Archive, indices: np.ndarray, extractor: Extractor) -> str:
    """Everything the features depend on."""
    sha = hashlib.sha256()
    for part in (archive.digest, archive.resolution, extractor.name, extractor.sha256, library_version()):
        sha.update(f"{part}\n".encode())
    sha.update(indices.astype("<i8").tobytes())
    return sha.hexdigest()[:40]


def _read(path: Path, count: int) -> Tensor | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            features, digest = file["features"], str(file["sha256"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = hashlib.sha256(features.tobytes()).hexdigest() == digest and len(features) == count
    return torch.from_numpy(features) if whole else None


def _write(path: Path, features: Tensor) -> None:
    array = features.numpy()
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=array, sha256=np.array(hashlib.sha256(array.tobytes()).hexdigest()))
    except StorageError as error:
        print(f"notice: features are not remembered: {error}")
