"""Remembered features: by content, never by name, never damaged."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.archive import Archive
from metrics import reference
from metrics.reference import choose, real_features
from tests.support.tiny_program import extractor_of
from tests.support.tiny_run import write_archive


def everything(archive: Archive) -> np.ndarray:
    return archive.indices(None)


def remembered(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_features_are_those_of_the_pictures_as_stored(archive, extractor, tmp_path):
    indices = archive.indices("test")
    assert torch.equal(real_features(archive, indices, extractor, tmp_path), extractor(archive.load(indices)))


def test_the_second_time_nothing_is_computed(archive, extractor, counting, tmp_path):
    first = real_features(archive, everything(archive), extractor, tmp_path)
    second = real_features(archive, everything(archive), extractor, tmp_path)
    assert torch.equal(first, second)
    assert counting.seen == 24


def test_without_a_cache_folder_nothing_is_remembered(archive, extractor, counting):
    for _ in range(2):
        real_features(archive, everything(archive), extractor, None)
    assert counting.seen == 48


def test_other_pictures_under_the_same_name_are_not_mistaken(extractor, tmp_path):
    path = write_archive(tmp_path / "faces.zip", count=20)
    one = real_features(Archive.open(path), np.arange(10), extractor, tmp_path / "cache")
    path.unlink()
    write_archive(path, count=21)
    other = real_features(Archive.open(path), np.arange(10), extractor, tmp_path / "cache")
    assert not torch.equal(one, other)
    assert len(remembered(tmp_path / "cache")) == 2


def test_the_same_pictures_under_another_name_are_recognised(archive, extractor, counting, tmp_path):
    copy = tmp_path / "copy.zip"
    copy.write_bytes(archive.path.read_bytes())
    real_features(archive, everything(archive), extractor, tmp_path / "cache")
    real_features(Archive.open(copy), everything(archive), extractor, tmp_path / "cache")
    assert counting.seen == 24


def test_split_extractor_and_library_version_make_another_entry(archive, counting, tmp_path, monkeypatch):
    entries = [
        (everything(archive), extractor_of(counting)),
        (archive.indices("train"), extractor_of(counting)),
        (everything(archive), extractor_of(counting, name="other")),
        (everything(archive), extractor_of(counting, sha256="1" * 64)),
    ]
    for indices, extractor in entries:
        real_features(archive, indices, extractor, tmp_path)
    monkeypatch.setattr(reference, "library_version", lambda: "9.9")
    indices, extractor = entries[0]
    real_features(archive, indices, extractor, tmp_path)
    assert len(remembered(tmp_path)) == 5


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: b"hello", lambda c: c[:-30], lambda c: c[: len(c) // 2]])
def test_a_damaged_entry_is_computed_again_with_a_notice(damage, archive, extractor, counting, tmp_path, capsys):
    whole = real_features(archive, everything(archive), extractor, tmp_path)
    [path] = remembered(tmp_path)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert torch.equal(real_features(archive, everything(archive), extractor, tmp_path), whole)
    notice = capsys.readouterr().err
    assert notice.startswith(f"notice: {path}: damaged (")
    assert notice.count("\n") == 1
    assert counting.seen == 48
    assert path.read_bytes() == content, "mended"


def test_a_flipped_bit_never_changes_the_features(archive, extractor, tmp_path, capsys):
    indices = archive.indices("train")[:3]
    whole = real_features(archive, indices, extractor, tmp_path)
    [path] = remembered(tmp_path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(flipped(content, place))
        assert torch.equal(real_features(archive, indices, extractor, tmp_path), whole), f"byte {place}"


def test_a_folder_that_cannot_be_written_costs_a_notice(archive, extractor, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    rows = real_features(archive, everything(archive), extractor, tmp_path / "taken")
    assert len(rows) == 24
    assert "not remembered: " in capsys.readouterr().err


def test_a_choice_is_sorted_without_repetition_and_belongs_to_its_seed():
    indices = np.arange(100, 200)
    chosen = choose(indices, 30, seed=4)
    assert len(set(chosen.tolist())) == 30
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() == choose(indices, 30, seed=4).tolist()
    assert chosen.tolist() != choose(indices, 30, seed=5).tolist()
    assert choose(indices, 100, seed=4) is indices
