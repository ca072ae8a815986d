from collections import Counter

import pytest

from dataset.image_api import Region
from dataset.leakage import Crop, leakage, leakage_lines
from dataset.splits import split_by_book
from torch_utils.errors import DataError

BOOKS = {f"{book}-{n}": f"book {book}" for book in range(30) for n in range(5 + book)}
CLASSES = {name: (hash_ % 2, hash_ % 4) for hash_, name in enumerate(BOOKS)}


def test_no_book_is_in_two_splits() -> None:
    splits = split_by_book(BOOKS, CLASSES, 0)
    of_book: dict[str, set[str]] = {}
    for name, split in splits.items():
        of_book.setdefault(BOOKS[name], set()).add(split)
    assert all(len(found) == 1 for found in of_book.values())
    assert splits.keys() == BOOKS.keys()


def test_a_tenth_each_goes_to_dev_and_test() -> None:
    counts = Counter(split_by_book(BOOKS, CLASSES, 0).values())
    for split in ("dev", "test"):
        assert 0.08 < counts[split] / len(BOOKS) < 0.106


def test_every_class_is_in_every_split() -> None:
    rare = {name: (1 if BOOKS[name] in ("book 3", "book 7", "book 11", "book 20") else 0,) for name in BOOKS}
    splits = split_by_book(BOOKS, rare, 0)
    for split in ("train", "dev", "test"):
        assert {rare[name][0] for name, found in splits.items() if found == split} == {0, 1}


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    backwards = dict(reversed(BOOKS.items()))
    assert split_by_book(BOOKS, CLASSES, 3) == split_by_book(backwards, CLASSES, 3)
    assert split_by_book(BOOKS, CLASSES, 3) != split_by_book(BOOKS, CLASSES, 4)


def test_too_few_books_are_refused() -> None:
    with pytest.raises(DataError, match=r"--split-by book: 2 books with 3 pictures leave dev and test empty"):
        split_by_book({"a": "x", "b": "x", "c": "y"}, {"a": (), "b": (), "c": ()}, 0)


def crop(page: str, x: int, side: int = 100, book: str = "b") -> Crop:
    return Crop(page, Region(x, 0, side, side), book)


def test_leakage_counts_pages_books_and_overlaps_across_splits() -> None:
    crops = [crop("p", 0), crop("p", 20), crop("p", 300), crop("q", 0), crop("r", 0, book="c"), None]
    splits = ["train", "test", "test", "test", "test", None]
    found = leakage(crops, splits)
    assert found.shared == {"test": (4, 2, 3)}
    assert found.pairs == found.across == ((0, 1),)
    text = "\n".join(leakage_lines(found, list("abcdef")))
    assert "overlapping crops (IoU > 0.5): 1 pairs, 1 across splits\n  a b" in text


def test_overlaps_inside_a_split_or_of_unsplit_pictures_do_not_leak() -> None:
    found = leakage([crop("p", 0), crop("p", 20), crop("p", 10)], ["train", "train", None])
    assert (len(found.pairs), len(found.across)) == (3, 0)


@pytest.mark.parametrize(
    ("other", "overlap"), [(Region(0, 0, 10, 10), 1), (Region(5, 0, 10, 10), 1 / 3), (Region(10, 0, 5, 5), 0)]
)
def test_overlap_is_intersection_over_union(other: Region, overlap: float) -> None:
    assert Region(0, 0, 10, 10).overlap(other) == pytest.approx(overlap)
