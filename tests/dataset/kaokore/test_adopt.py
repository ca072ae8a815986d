import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.kaokore.adopt import adopt
from dataset.kaokore.folder import KaokoreFolder
from dataset.kaokore.verify import verification_lines, verify
from tests.support.drawn_kaokore import drawn_index, face, lines_of, write_download
from torch_utils.errors import ConfigError, DataError, StorageError
from torch_utils.folder_lock import only_writer

LINES = lines_of()


def taken(images: Path, dest: Path, version: str = "1.3", **options: str):
    index = drawn_index(version=version, **options)
    return adopt(images, index, KaokoreFolder(dest, version, "official", unpinned=True), print)


def test_a_whole_download_is_adopted_and_verified(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES)
    adoption = taken(images, tmp_path / "out")
    assert (adoption.adopted, adoption.rejected) == (23, {})
    found = verify(tmp_path / "out")
    assert found.status == 0
    assert verification_lines(found)[-1] == "complete: all 23 pictures are there and whole"
    for line in LINES:
        assert (tmp_path / "out" / "images_256" / line.name).read_bytes() == face(line.number)
    assert (tmp_path / "out" / "labels.csv").read_bytes() == drawn_index().files["labels.csv"]


def test_hashes_are_those_sha256sum_checks(tmp_path: Path) -> None:
    import hashlib

    taken(write_download(tmp_path / "in", LINES), tmp_path / "out")
    rows = [line.split("  ") for line in (tmp_path / "out" / "hashes.sha256").read_text().splitlines()]
    assert len(rows) == 23
    for digest, name in rows:
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_a_zip_of_the_download_is_adopted_alike(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in images.rglob("*"):
            archive.write(path, Path("kaokore") / path.relative_to(images))
    assert taken(tmp_path / "in.zip", tmp_path / "out").adopted == 23


def test_what_is_missing_is_named_by_host_with_status_3(tmp_path: Path) -> None:
    kyoto = [line.number for line in LINES if "kyoto" in line.host]
    taken(write_download(tmp_path / "in", LINES, without=[*kyoto, 0]), tmp_path / "out")
    found = verify(tmp_path / "out")
    text = "\n".join(verification_lines(found))
    assert found.status == 3
    assert "missing: all pictures of rmda.kulib.kyoto-u.ac.jp (00000002.jpg, 00000008.jpg, " in text
    assert "missing: 1 of 8 pictures of codh.rois.ac.jp (00000000.jpg)" in text
    rows = (tmp_path / "out" / "failed.tsv").read_text().splitlines()
    assert len(rows) == 1 + len(found.missing)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (face(1)[:-300], "damaged"),
        (b"<!DOCTYPE html><html>Service unavailable</html>", "a page of HTML or XML"),
        (face(1, 200), "200×200, not exactly 256×256"),
        (b"", "not a picture"),
    ],
)
def test_a_picture_that_is_none_is_not_adopted_and_told(tmp_path: Path, content: bytes, words: str) -> None:
    images = write_download(tmp_path / "in", LINES)
    (images / "images_256" / "00000001.jpg").write_bytes(content)
    adoption = taken(images, tmp_path / "out")
    assert (adoption.adopted, list(adoption.rejected)) == (22, ["00000001.jpg"])
    assert words in adoption.rejected["00000001.jpg"]
    assert words in (tmp_path / "out" / "failed.tsv").read_text()
    assert not (tmp_path / "out" / "images_256" / "00000001.jpg").exists()
    assert verify(tmp_path / "out").status == 3


def test_thumbnails_that_the_version_lists_are_taken_and_told(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES, side=200)
    assert taken(images, tmp_path / "out", size="!200,200").adopted == 23
    found = verify(tmp_path / "out")
    assert found.status == 0
    assert "as listed, but not 256×256: 23 of 200×200" in verification_lines(found)


@pytest.mark.parametrize("damage", ["changed", "cut", "journal", "both"])
def test_damage_after_the_fact_is_found_with_status_5(tmp_path: Path, damage: str) -> None:
    taken(write_download(tmp_path / "in", LINES), tmp_path / "out")
    picture = tmp_path / "out" / "images_256" / "00000003.jpg"
    if damage in ("changed", "both"):
        picture.write_bytes(face(999))
    if damage == "cut":
        picture.write_bytes(picture.read_bytes()[:-200])
    if damage == "journal":
        journal = tmp_path / "out" / "manifest.jsonl"
        journal.write_text("".join(line for line in journal.read_text().splitlines(True) if "00000003" not in line))
    if damage == "both":
        (tmp_path / "out" / "images_256" / "00000004.jpg").unlink()
    found = verify(tmp_path / "out")
    assert found.status == 5
    assert [look.record.name for look in found.damaged] == ["00000003.jpg"]


def test_files_of_no_version_are_told(tmp_path: Path) -> None:
    taken(write_download(tmp_path / "in", LINES), tmp_path / "out")
    (tmp_path / "out" / "images_256" / "00000005.jpg").write_bytes(face(5))
    assert "not of this version: 1 files (00000005.jpg)" in verification_lines(verify(tmp_path / "out"))


def test_names_of_another_version_are_refused(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", [replace(line, number=line.number + 7) for line in LINES])
    with pytest.raises(DataError, match=r"pictures are not in v1\.3 \(first: 00000024\.jpg\)"):
        taken(images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_labels_of_another_version_are_refused(shared: Path, tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES)
    with zipfile.ZipFile(shared / "data" / "kaokore-metadata.zip") as archive:
        (images / "labels.csv").write_bytes(archive.read("dataset_v1.2/labels.csv"))
    with pytest.raises(DataError, match=r"labels\.csv is v1\.2's, --version is 1\.3"):
        taken(images, tmp_path / "out")


def test_a_folder_keeps_to_one_version(tmp_path: Path) -> None:
    taken(write_download(tmp_path / "in", LINES), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds v1\.3 in official mode, not v1\.2"):
        taken(tmp_path / "in", tmp_path / "out", "1.2")


def test_two_runs_never_write_into_one_folder(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES)
    with only_writer(tmp_path / "out"), pytest.raises(StorageError, match=r"another run writes into it"):
        taken(images, tmp_path / "out")


def test_adopting_again_changes_nothing(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES)
    taken(images, tmp_path / "out")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images_256").iterdir()}
    taken(images, tmp_path / "out")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images_256").iterdir()} == before


def test_a_folder_that_nobody_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no kaokore\.json in it"):
        verify(tmp_path)
    (tmp_path / "kaokore.json").write_text(json.dumps({"version": "9", "mode": "official"}))
    with pytest.raises(DataError, match=r"version '9' in mode 'official' is none"):
        verify(tmp_path)
