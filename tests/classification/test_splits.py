"""Divisions: official, seeded hold-out, by book."""

from pathlib import Path

import numpy as np
import pytest

from classification.config import DataConfig
from classification.splits import check_classes, divide, parse_splits
from dataset.archive import Archive
from dataset.convert import Conversion
from dataset.identity import identities
from dataset.kaokore.adopt import adopt
from dataset.kaokore.folder import KaokoreFolder
from dataset.pack import PackOptions, pack
from dataset.splits import SHARES
from tests.support.drawn_kaokore import drawn_index, lines_of, write_download
from torch_utils.errors import ConfigError, DataError

LINES = lines_of(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("kaokore")
    images = write_download(base / "in", LINES)
    adopt(images, drawn_index(LINES), KaokoreFolder(base / "own", "1.3", "official", True), lambda line: None)
    return base / "own"


@pytest.fixture(scope="module")
def archive(folder) -> Archive:
    return packed(folder, folder.parent / "k32.zip", 32)


def packed(folder: Path, out: Path, resolution: int) -> Archive:
    pack(folder, out, PackOptions(conversion=Conversion(resolution=resolution)), lambda line: None)
    return Archive.open(out)


def labelled(archive: Archive) -> set[int]:
    return set(np.flatnonzero(archive.labels[:, 0].numpy() >= 0).tolist())


@pytest.fixture
def a_book_is_small_enough(monkeypatch) -> None:
    """Here a book is a sixth of all: more than the tenth that dev and test get."""
    for part in SHARES:
        monkeypatch.setitem(SHARES, part, 0.2)


@pytest.mark.parametrize("split_by", ["official", "holdout", "book"])
def test_no_picture_is_in_two_parts_and_every_part_has_labels(archive, split_by, a_book_is_small_enough):
    parts = divide(archive, DataConfig(label="gender", split_by=split_by)).parts
    together = np.concatenate(list(parts.values()))
    assert len(set(together.tolist())) == len(together)
    assert set(together.tolist()) <= labelled(archive)
    assert all(len(indices) for indices in parts.values())


def test_the_official_split_is_the_archives(archive):
    parts = divide(archive, DataConfig(label="gender")).parts
    for part, indices in parts.items():
        assert {archive.splits[index] for index in indices} == {part}
    assert sum(map(len, parts.values())) == len(labelled(archive))


def test_a_hold_out_takes_a_tenth_of_each_class_of_train_and_depends_on_its_seed_alone(archive):
    data = DataConfig(label="gender", split_by="holdout")
    parts, again = divide(archive, data).parts, divide(archive, data).parts
    train = set(archive.indices("train").tolist()) & labelled(archive)
    assert set(np.concatenate(list(parts.values())).tolist()) == train
    labels = archive.labels[:, 0].numpy()
    for index in (0, 1):
        own = sum(labels[place] == index for place in train)
        assert (labels[parts["test"]] == index).sum() == (labels[parts["dev"]] == index).sum() == round(own / 10)
    assert all(np.array_equal(parts[part], again[part]) for part in parts)
    other = divide(archive, DataConfig(label="gender", split_by="holdout", split_seed=1)).parts
    assert not np.array_equal(parts["test"], other["test"])


def test_by_book_no_book_is_on_two_sides(archive, a_book_is_small_enough):
    division = divide(archive, DataConfig(label="gender", split_by="book"))
    books = {
        part: {archive.manifest.crops[archive.names[index]].book for index in indices}
        for part, indices in division.parts.items()
    }
    assert not (books["train"] & books["dev"] or books["train"] & books["test"] or books["dev"] & books["test"])
    assert division.how == "book-disjoint, seed 0"


def test_a_class_without_a_training_picture_is_named(archive):
    data = DataConfig(label="holder")
    division = divide(archive, data)
    column = [label_set.name for label_set in archive.label_sets].index("holder")
    labels = archive.labels[:, column].numpy()
    parts = dict(division.parts)
    parts["train"] = np.array([index for index in parts["train"] if labels[index] != 1])
    with pytest.raises(DataError, match="holder: no training picture is Keio University"):
        check_classes(archive, data, type(division)(parts=parts, how=division.how))


def test_a_picture_is_the_same_at_another_resolution(archive, folder, tmp_path):
    smaller = packed(folder, tmp_path / "k16.zip", 16)
    assert identities(smaller).equal(identities(archive))
    assert len(set(identities(archive).tolist())) == len(archive)


def test_splits_are_read_in_their_own_order():
    assert parse_splits("book,official") == ["official", "book"]
    with pytest.raises(ConfigError, match="--split-by pages: no such split. Use official, holdout, book"):
        parse_splits("official,pages")
