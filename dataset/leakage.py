"""How much the splits know of each other: crops of one page, of one book, and crops that overlap."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from dataset.image_api import Region
from dataset.text_table import aligned

OVERLAPPING = 0.5  # intersection over union above which two crops show the same face


@dataclass(frozen=True)
class Crop:
    """Where a picture was cut from; `book` is "" where unknown."""

    page: str
    region: Region
    book: str


@dataclass(frozen=True)
class Leakage:
    """What is shared.

    Attributes:
        shared: {split: (pictures, of which on a page of `reference`, of which in a book of it)}.
        pairs: overlapping crops, as places in the list, the most overlapping first.
        across: those of them that lie in different splits.
    """

    reference: str
    shared: Mapping[str, tuple[int, int, int]]
    pairs: tuple[tuple[int, int], ...]
    across: tuple[tuple[int, int], ...]


def leakage(crops: Sequence[Crop | None], splits: Sequence[str | None], reference: str = "train") -> Leakage:
    """Compare every split with one of them, and every crop with those of its page.

    Args:
        crops: of each picture, None where unknown.
        splits: of each picture, None where it belongs to none.
    """
    pages, books = set(), set()
    for crop, split in zip(crops, splits, strict=True):
        if crop and split == reference:
            pages.add(crop.page)
            books.add(crop.book)
    shared = {}
    for name in dict.fromkeys(split for split in splits if split not in (None, reference)):
        own = [crop for crop, split in zip(crops, splits, strict=True) if crop and split == name]
        on_page, in_book = (sum(crop.page in pages for crop in own), sum(crop.book in books for crop in own))
        shared[str(name)] = (len(own), on_page, in_book)
    pairs = _overlapping(crops)
    across = [(a, b) for a, b in pairs if splits[a] and splits[b] and splits[a] != splits[b]]
    return Leakage(reference, shared, tuple(pairs), tuple(across))


def _overlapping(crops: Sequence[Crop | None]) -> list[tuple[int, int]]:
    by_page: dict[str, list[tuple[int, Region]]] = defaultdict(list)
    for place, crop in enumerate(crops):
        if crop:
            by_page[crop.page].append((place, crop.region))
    found = [
        (-first.overlap(second), a, b)
        for on_page in by_page.values()
        for (a, first), (b, second) in combinations(on_page, 2)
        if first.overlap(second) > OVERLAPPING
    ]
    return [(a, b) for _, a, b in sorted(found)]


def leakage_lines(found: Leakage, names: Sequence[str]) -> list[str]:
    """A table for people, and the overlapping crops by name."""
    rows = [["split", "pictures", f"page also in {found.reference}", f"book also in {found.reference}"]]
    rows += [[split, *map(str, counts)] for split, counts in found.shared.items()]
    lines = aligned(rows, texts=1) if found.shared else []
    lines.append(
        f"overlapping crops (IoU > {OVERLAPPING}): {len(found.pairs)} pairs, {len(found.across)} across splits"
    )
    return lines + [f"  {names[a]} {names[b]}" for a, b in found.across]
