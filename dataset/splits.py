"""A split by book: no book lends faces to two splits, so that a model is scored on books it never saw."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from torch_utils.errors import DataError
from torch_utils.seeds import derive

SHARES = {"dev": 0.1, "test": 0.1}  # the rest is train
SLACK = 1.05  # a split may hold this much more than its share
ORDERS = 200  # tried, for one whose classes are spread evenly


def split_by_book(books: Mapping[str, str], classes: Mapping[str, Sequence[int]], seed: int) -> dict[str, str]:
    """Give each book to one of train, dev and test: {picture name: split}.

    Books are taken in an order drawn from the seed; each goes to dev or test, whichever is emptier by its share, if it
    still fits there, else to train. Of 200 orders the one counts whose dev and test come nearest to the classes' shares
    in the whole set. The result depends on nothing but books, labels and the seed.

    Args:
        books: {picture name: its book}, of the pictures that shall have a split.
        classes: {picture name: its class in each label set}, of all of them.
    Raises:
        DataError: too few books for three splits.
    """
    names = sorted(set(books.values()))
    counts = _class_counts(books, classes, names)  # [books, classes of all sets]
    pictures = Counter(books.values())
    sizes = np.array([pictures[name] for name in names])
    random = np.random.Generator(np.random.PCG64(derive(seed, "split by book", 0)))
    candidates = [_assign(random.permutation(len(names)), sizes) for _ in range(ORDERS)]
    best = min(candidates, key=lambda splits: _unevenness(splits, counts, sizes))
    there = {str(split) for split in best}
    empty = [split for split in ("train", *SHARES) if split not in there]
    if empty:
        raise DataError(
            f"--split-by book: {len(names)} books with {len(books)} pictures leave {' and '.join(empty)} empty. "
            "Keep the official split."
        )
    split_of = dict(zip(names, best, strict=True))
    return {name: split_of[book] for name, book in books.items()}


def _class_counts(books: Mapping[str, str], classes: Mapping[str, Sequence[int]], names: Sequence[str]) -> np.ndarray:
    place = {name: row for row, name in enumerate(names)}
    found = Counter(
        (place[book], label_set, index) for name, book in books.items() for label_set, index in enumerate(classes[name])
    )
    columns = {key: column for column, key in enumerate(sorted({(s, i) for _, s, i in found}))}
    counts = np.zeros((len(names), max(1, len(columns))))
    for (row, label_set, index), count in found.items():
        counts[row, columns[label_set, index]] = count
    return counts


def _assign(order: np.ndarray, sizes: np.ndarray) -> list[str]:
    room = {split: share * sizes.sum() for split, share in SHARES.items()}
    filled = dict.fromkeys(SHARES, 0)
    splits = ["train"] * len(sizes)
    for book in order:
        split = min(SHARES, key=lambda name: filled[name] / room[name])
        if filled[split] + sizes[book] <= SLACK * room[split]:
            splits[book] = split
            filled[split] += int(sizes[book])
    return splits


def _unevenness(splits: Sequence[str], counts: np.ndarray, sizes: np.ndarray) -> float:
    """The greatest factor by which a class is rarer or commoner in dev or test than in all; infinite where absent."""
    whole = counts.sum(0) / sizes.sum()
    worst = 1.0
    for split in SHARES:
        chosen = np.array([name == split for name in splits])
        total = sizes[chosen].sum()
        shares = counts[chosen].sum(0) / max(1, total)
        if not total or (shares == 0).any():
            return float("inf")
        worst = max(worst, float(np.maximum(shares / whole, whole / shares).max()))
    return worst
