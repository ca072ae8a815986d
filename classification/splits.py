"""Which labelled pictures are for training, for stopping and for the score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from classification.config import DataConfig, SplitBy
from dataset.archive import Archive
from dataset.splits import SHARES, split_by_book
from torch_utils.errors import ConfigError, DataError
from torch_utils.labels import UNLABELLED, LabelSet
from torch_utils.seeds import derive

PARTS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Division:
    """Places in the archive of the labelled pictures of each part, sorted, and how they were found."""

    parts: Mapping[str, np.ndarray]
    how: str


def label_set_of(archive: Archive, name: str) -> tuple[int, LabelSet]:
    """A label set with its column.

    Raises:
        ConfigError: the archive has none of that name, listing those there are.
    """
    names = [label_set.name for label_set in archive.label_sets]
    if name not in names:
        there = f"Use one of: {', '.join(names)}." if names else "It has no labels; pack pictures with labels."
        raise ConfigError(f"--label {name}: {archive.path.name} has no such label set. {there}")
    column = names.index(name)
    return column, archive.label_sets[column]


def divide(archive: Archive, data: DataConfig) -> Division:
    """Divide the pictures that have a label.

    Raises:
        ConfigError, DataError: no such split or label set, or too few books.
    """
    column, _ = label_set_of(archive, data.label)
    labels = archive.labels[:, column].numpy()
    if data.split_by == "official":
        return _official(archive, labels)
    whole = archive.indices("train" if "train" in archive.split_names else None)
    whole = whole[labels[whole] != UNLABELLED]
    if data.split_by == "holdout":
        parts = _holdout(whole, labels, data.split_seed)
        return Division(parts=parts, how=f"seeded hold-out {data.split_seed} of {_pool(archive)}")
    return Division(parts=_books(archive, labels, data.split_seed), how=f"book-disjoint, seed {data.split_seed}")


def check_classes(archive: Archive, data: DataConfig, division: Division) -> None:
    """Raise a DataError where a class has no picture to learn from, or a part no picture at all."""
    column, label_set = label_set_of(archive, data.label)
    for part in ("train", "dev"):
        if not len(division.parts[part]):
            raise DataError(f"{archive.path.name}: no {data.label} label in {part} ({division.how}). {_other_split()}")
    labels = archive.labels[:, column].numpy()[division.parts["train"]]
    counts = np.bincount(labels, minlength=len(label_set.classes))
    empty = [name for name, count in zip(label_set.classes, counts, strict=True) if not count]
    if empty:
        raise DataError(
            f"{archive.path.name}: {data.label}: no training picture is {' or '.join(empty[:3])} ({division.how}). "
            "Choose another --label or --split-by, or pack with more pictures."
        )


def _official(archive: Archive, labels: np.ndarray) -> Division:
    there = archive.split_names
    if not set(there) & set(PARTS):
        raise ConfigError(
            f"{archive.path.name}: has no official split (splits: {', '.join(there) or 'none'}). {_other_split()}"
        )
    parts = {part: archive.indices(part) if part in there else np.empty(0, np.int64) for part in PARTS}
    return Division(
        parts={part: indices[labels[indices] != UNLABELLED] for part, indices in parts.items()}, how="official split"
    )


def _holdout(whole: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """A tenth of each class to dev and one to test, drawn by the seed."""
    random = np.random.Generator(np.random.PCG64(derive(seed, "hold-out")))
    chosen: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    for index in np.unique(labels[whole]):
        own = random.permutation(whole[labels[whole] == index])
        start = 0
        for part, share in SHARES.items():
            end = start + round(share * len(own))
            chosen[part].append(own[start:end])
            start = end
        chosen["train"].append(own[start:])
    return {part: np.sort(np.concatenate(found or [whole[:0]])) for part, found in chosen.items()}


def _books(archive: Archive, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    crops = archive.manifest.crops
    names = [name for name, label in zip(archive.names, labels, strict=True) if label != UNLABELLED]
    books = {name: crops[name].book for name in names if name in crops and crops[name].book}
    if not books:
        raise ConfigError(
            f"--split-by book: {archive.path.name} says of no picture which book it is from. Pack a folder that "
            "dataset_tool.py kaokore fetch or adopt made, or use --split-by holdout."
        )
    place = {name: index for index, name in enumerate(archive.names)}
    classes = {name: [int(labels[place[name]])] for name in books}
    splits = split_by_book(books, classes, seed)
    return {
        part: np.array(sorted(place[name] for name, found in splits.items() if found == part), dtype=np.int64)
        for part in PARTS
    }


def _pool(archive: Archive) -> str:
    return "the train split" if "train" in archive.split_names else "all pictures"


def _other_split() -> str:
    return "Use --split-by holdout (seeded) or --split-by book."


def parse_splits(text: str) -> list[SplitBy]:
    """ "official,book" → its parts.

    Raises:
        ConfigError: one that is not there.
    """
    names = get_args(SplitBy)
    for name in text.split(","):
        if name not in names:
            raise ConfigError(f"--split-by {name}: no such split. Use {', '.join(names)}, separated by commas.")
    return [name for name in names if name in text.split(",")]
