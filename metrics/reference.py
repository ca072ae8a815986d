"""Features of real pictures, remembered by content: the same pictures are never scored twice, others never mistaken."""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.archive import Archive
from metrics.extractors import Extractor
from metrics.features import library_version
from metrics.progress import watched
from torch_utils import seeds as seeding
from torch_utils.errors import StorageError
from torch_utils.files import atomic_write

_BATCH = 64
DEFAULT_CACHE = Path("~/.cache/kaokore-stylegan/features")


def real_features(archive: Archive, indices: np.ndarray, extractor: Extractor, cache: Path | None) -> Tensor:
    """Features [len(indices), D] of an archive's pictures as stored, from the cache folder if they are there.

    A damaged or unwritable cache costs time and a notice, never correctness.
    """
    path = cache.expanduser() / f"{_key(archive, indices, extractor)}.npz" if cache is not None else None
    if path is not None and (cached := _read(path, len(indices))) is not None:
        return cached
    batches = (archive.load(indices[start : start + _BATCH]) for start in range(0, len(indices), _BATCH))
    features = torch.cat([extractor(batch) for batch in watched(batches, len(indices), "real")])
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
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns of, and tries to mend, a header that was damaged
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                features, digest = file["features"], str(file["sha256"])
        if _digest(features) == digest and len(features) == count:
            return torch.from_numpy(features)
        reason = "its content is not what was written"
    except Exception as error:  # zipfile and numpy fail on damaged bytes in many ways; computing again is always right
        reason = f"{type(error).__name__}"
    print(f"notice: {path}: damaged ({reason}); features are computed again.", file=sys.stderr)
    return None


def _write(path: Path, features: Tensor) -> None:
    array = features.numpy()
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=array, sha256=np.array(_digest(array)))
    except StorageError as error:
        print(f"notice: features of the real pictures are not remembered: {error}", file=sys.stderr)


def _digest(features: np.ndarray) -> str:
    """Of type, shape and numbers."""
    return hashlib.sha256(f"{features.dtype} {features.shape}\n".encode() + features.tobytes()).hexdigest()
