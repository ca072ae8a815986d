import json
import zipfile
from pathlib import Path

import pytest

from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces
from dataset.report import label_table, summary, verify
from tests.support.drawn_pictures import blocks, encoded, foreign_zip, write_zip
from torch_utils.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "faces.zip"
    pack_drawn_faces(path, count=12, resolution=32, seed=3)
    return path


def changed(path: Path, out: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        return write_zip(out, {entry: archive.read(entry) for entry in archive.namelist()} | {name: data})


def test_drawn_faces_are_whole_and_fully_labelled(drawn: Path) -> None:
    archive = Archive.open(drawn)
    verify(archive)
    assert [label_set.name for label_set in archive.label_sets] == ["gender", "status", "pose"]
    assert archive.labels.min() >= 0
    assert len(archive) == 12


def test_drawn_faces_are_the_same_bytes_for_the_same_seed(drawn: Path, tmp_path: Path) -> None:
    pack_drawn_faces(tmp_path / "again.zip", count=12, resolution=32, seed=3)
    pack_drawn_faces(tmp_path / "other.zip", count=12, resolution=32, seed=4)
    assert (tmp_path / "again.zip").read_bytes() == drawn.read_bytes() != (tmp_path / "other.zip").read_bytes()


@pytest.mark.parametrize(
    ("count", "resolution", "words"), [(0, 64, "--count 0"), (3, 8, "--resolution 8"), (3, 48, "48")]
)
def test_impossible_demos_are_refused(tmp_path: Path, count: int, resolution: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pack_drawn_faces(tmp_path / "a.zip", count=count, resolution=resolution, seed=0)


def test_a_foreign_archive_is_verified_by_decoding(tmp_path: Path) -> None:
    verify(Archive.open(foreign_zip(tmp_path / "a.zip")))


def test_damaged_pictures_are_counted_and_the_first_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{n}.bmp": encoded(blocks(n, 128), "BMP") for n in range(4)})
    data = bytearray(path.read_bytes())
    for name in (b"1.bmp", b"3.bmp"):
        data[data.index(name) + 30_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"2 of 4 pictures are damaged \(first: 1.bmp is damaged .*CRC") as caught:
        verify(Archive.open(path))
    assert "\n" not in str(caught.value)


def test_an_exchanged_picture_is_found_by_the_content_digest(drawn: Path, tmp_path: Path) -> None:
    path = changed(drawn, tmp_path / "a.zip", "00000/img00000005.png", encoded(blocks(5)))
    with pytest.raises(DataError, match="its content digest is .* the zip was changed"):
        verify(Archive.open(path))


def test_exchanged_labels_are_found_by_the_content_digest(drawn: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(drawn) as archive:
        document = json.loads(archive.read("dataset.json"))
    labels = document["label_sets"]["status"]["labels"]
    labels["00000/img00000000.png"] = (labels["00000/img00000000.png"] + 1) % 4
    path = changed(drawn, tmp_path / "a.zip", "dataset.json", json.dumps(document).encode())
    with pytest.raises(DataError, match="its content digest is"):
        verify(Archive.open(path))


def test_the_pixel_digest_is_checked_too(drawn: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(drawn) as archive:
        document = json.loads(archive.read("dataset.json")) | {"pixel_digest": "0" * 64}
    path = changed(drawn, tmp_path / "a.zip", "dataset.json", json.dumps(document).encode())
    with pytest.raises(DataError, match="its pixel digest is .*, but 000000000000… was packed"):
        verify(Archive.open(path))


def test_the_table_counts_classes_splits_and_gaps(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(5)]
    document = {
        "label_sets": {
            "status": {"classes": ["noble", "warrior"], "labels": dict(zip(names, [0, 1, 1, None, 0], strict=True))}
        },
        "splits": dict(zip(names, ["train", "train", "dev", "dev", None], strict=True)),
    }
    files = {name: encoded(blocks(n)) for n, name in enumerate(names)}
    archive = Archive.open(write_zip(tmp_path / "a.zip", files | {"dataset.json": json.dumps(document)}))
    assert label_table(archive) == [
        "labels  class         all  train  dev",
        "        pictures        5      2    2",
        "status  noble           2      1    0",
        "        warrior         2      1    1",
        "        (unlabelled)    1      0    1",
    ]


def test_the_summary_names_size_and_provenance(drawn: Path) -> None:
    lines = "\n".join(summary(Archive.open(drawn)))
    for words in (
        "12 pictures, 32×32, RGB",
        "drawn by dataset_tool.py demo, seed 3",
        "CC0 1.0",
        Archive.open(drawn).digest,
    ):
        assert words in lines
