import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset.archive import Archive
from tests.support.drawn_pictures import blocks, encoded, foreign_zip, picture_files, write_zip
from torch_utils.errors import DataError

NAMES = [f"00000/img{number:08d}.png" for number in range(3)]


def own_zip(path: Path, **keys: object) -> Path:
    files = {name: encoded(blocks(number, 16)) for number, name in enumerate(NAMES)}
    return write_zip(path, files | {"dataset.json": json.dumps(keys)})


def status_set(labels: object, classes: object = ("noble", "warrior")) -> dict[str, object]:
    return {"status": {"classes": classes, "labels": labels}}


def test_pictures_come_as_channels_rows_columns(tmp_path: Path) -> None:
    archive = Archive.open(foreign_zip(tmp_path / "a.zip"))
    np.testing.assert_array_equal(archive.picture(1), np.asarray(blocks(1, 16)).transpose(2, 0, 1))
    assert (len(archive), archive.resolution, archive.channels, archive.names) == (3, 16, 3, tuple(NAMES))


def test_loading_many_gives_what_single_pictures_are(tmp_path: Path) -> None:
    archive = Archive.open(foreign_zip(tmp_path / "a.zip", count=9))
    chosen = np.array([7, 0, 7, 3])
    loaded = archive.load(chosen)
    assert loaded.dtype == torch.uint8
    np.testing.assert_array_equal(loaded.numpy(), np.stack([archive.picture(index) for index in chosen]))


def test_grey_archives_have_one_channel(tmp_path: Path) -> None:
    archive = Archive.open(write_zip(tmp_path / "a.zip", {"a.png": encoded(blocks(0).convert("L"))}))
    assert archive.channels == 1
    np.testing.assert_array_equal(archive.picture(0)[0], np.asarray(blocks(0).convert("L")))


def test_an_archive_without_dataset_json_is_unlabelled(tmp_path: Path) -> None:
    archive = Archive.open(write_zip(tmp_path / "a.zip", picture_files(2)))
    assert archive.label_sets == ()
    assert archive.labels.shape == (2, 0)
    assert archive.splits == (None, None)


def test_hidden_and_macos_files_are_no_pictures(tmp_path: Path) -> None:
    files = picture_files(1) | {"__MACOSX/._0.png": b"junk", ".hidden.png": b"junk", "x/.y/1.png": b"junk"}
    assert Archive.open(write_zip(tmp_path / "a.zip", files)).names == ("0.png",)


def test_foreign_class_numbers_become_one_set(tmp_path: Path) -> None:
    archive = Archive.open(foreign_zip(tmp_path / "a.zip", [[NAMES[0], 2], [NAMES[2], 0]]))
    assert [(s.name, s.classes) for s in archive.label_sets] == [("label", ("0", "1", "2"))]
    assert archive.labels.tolist() == [[2], [-1], [0]]


def test_foreign_one_hot_vectors_become_class_numbers(tmp_path: Path) -> None:
    labels = [[NAMES[0], [0, 0, 1, 0]], [NAMES[1], [1.0, 0, 0, 0]], [NAMES[2], [0, 1, 0, 0]]]
    archive = Archive.open(foreign_zip(tmp_path / "a.zip", labels))
    assert archive.labels.tolist() == [[2], [0], [1]]
    assert len(archive.label_sets[0].classes) == 4


@pytest.mark.parametrize("vector", [[0.5, 0.5], [1, 1], [0, 0], [2, 0], []])
def test_foreign_vectors_that_are_not_one_hot_are_refused(tmp_path: Path, vector: list[float]) -> None:
    with pytest.raises(DataError, match="img00000000.png: its label is a vector that is not one-hot"):
        Archive.open(foreign_zip(tmp_path / "a.zip", [[NAMES[0], vector]]))


@pytest.mark.parametrize("value", [-1, 1.5, True, "2", 10**9])
def test_foreign_labels_that_are_no_class_numbers_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(DataError, match="is not a class number"):
        Archive.open(foreign_zip(tmp_path / "a.zip", [[NAMES[0], value]]))


def test_own_label_sets_keep_names_and_gaps(tmp_path: Path) -> None:
    archive = Archive.open(own_zip(tmp_path / "a.zip", label_sets=status_set({NAMES[0]: 1, NAMES[1]: None})))
    assert archive.label_sets[0].classes == ("noble", "warrior")
    assert archive.labels.tolist() == [[1], [-1], [-1]]


def test_own_label_sets_may_be_lists_with_null_gaps(tmp_path: Path) -> None:
    archive = Archive.open(own_zip(tmp_path / "a.zip", label_sets=status_set([0, None, 1])))
    assert archive.labels.tolist() == [[0], [-1], [1]]


@pytest.mark.parametrize(
    ("label_sets", "words"),
    [
        ([1], "label_sets is not an object"),
        (status_set({}, classes=[]), "status: classes is not a list of names"),
        (status_set({}, classes=["a", "a"]), "a class name appears twice"),
        (status_set({NAMES[0]: 2}), "label 2 is not a class number from 0 to 1"),
        (status_set([0, 1]), "not one label for each of the 3 pictures"),
        (status_set({"absent.png": 0}), "names 1 pictures that are not there \\(first: absent.png\\)"),
    ],
)
def test_wrong_label_sets_are_refused(tmp_path: Path, label_sets: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Archive.open(own_zip(tmp_path / "a.zip", label_sets=label_sets))


@pytest.mark.parametrize(
    ("text", "words"), [("{", "not JSON"), ("[1]", "holds a list, not an object"), ('{"licence": 3}', "not a text")]
)
def test_a_wrong_dataset_json_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = write_zip(tmp_path / "a.zip", picture_files(1) | {"dataset.json": text})
    with pytest.raises(DataError, match=words):
        Archive.open(path)


def test_splits_select_indices(tmp_path: Path) -> None:
    archive = Archive.open(own_zip(tmp_path / "a.zip", splits={NAMES[0]: "train", NAMES[2]: "dev"}))
    assert archive.split_names == ("train", "dev")
    assert archive.indices(None).tolist() == archive.indices("all").tolist() == [0, 1, 2]
    assert (archive.indices("train").tolist(), archive.indices("dev").tolist()) == ([0], [2])


def test_an_unknown_split_is_refused_with_those_there_are(tmp_path: Path) -> None:
    archive = Archive.open(own_zip(tmp_path / "a.zip", splits={NAMES[0]: "train"}))
    with pytest.raises(DataError, match="no split 'test'. Use one of: all, train."):
        archive.indices("test")


def test_provenance_is_read(tmp_path: Path) -> None:
    archive = Archive.open(own_zip(tmp_path / "a.zip", source="S", licence="L", attribution="A"))
    assert (archive.source, archive.licence, archive.attribution) == ("S", "L", "A")


def test_the_digest_names_pictures_and_labels_not_the_zip(tmp_path: Path) -> None:
    first = foreign_zip(tmp_path / "a.zip", [[NAMES[0], 1]])
    with zipfile.ZipFile(first) as archive:
        files = {name: archive.read(name) for name in reversed(archive.namelist())}
    again = write_zip(tmp_path / "b.zip", files, zipfile.ZIP_DEFLATED)
    other_label = foreign_zip(tmp_path / "c.zip", [[NAMES[0], 0]])
    other_picture = write_zip(tmp_path / "d.zip", files | {NAMES[0]: encoded(blocks(99, 16))})
    digests = [Archive.open(path).digest for path in (first, again, other_label, other_picture)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_an_archive_can_be_sent_to_another_process(tmp_path: Path) -> None:
    archive = Archive.open(foreign_zip(tmp_path / "a.zip"))
    expected = archive.picture(2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(archive)).picture(2), expected)


def test_a_missing_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="faces.zip: no such file. Check the path"):
        Archive.open(tmp_path / "faces.zip")


def test_a_folder_is_not_an_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder, not a zip. Pack it first"):
        Archive.open(tmp_path)


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"certainly not a zip" * 100)
    with pytest.raises(DataError, match="a.zip: not a zip, or cut short"):
        Archive.open(tmp_path / "a.zip")


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_a_truncated_zip_is_refused(tmp_path: Path, kept: float) -> None:
    path = foreign_zip(tmp_path / "a.zip", count=20)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataError, match="not a zip, or cut short"):
        Archive.open(path)


def test_a_zip_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        Archive.open(write_zip(tmp_path / "a.zip", {"readme.txt": "hello"}))


def test_mixed_sizes_are_counted_and_the_first_named(tmp_path: Path) -> None:
    files = picture_files(5) | {"3.png": encoded(blocks(3, 32, 31))}
    with pytest.raises(DataError, match=r"1 of 5 pictures are not 32×32 \(first: 3.png, 32×31\). Make it again"):
        Archive.open(write_zip(tmp_path / "a.zip", files))


def test_oblong_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="32×24, not square. Make it again with dataset_tool.py pack"):
        Archive.open(write_zip(tmp_path / "a.zip", picture_files(2, 32, 24)))


def test_mixed_colours_are_counted_and_the_first_named(tmp_path: Path) -> None:
    files = picture_files(3) | {"1.png": encoded(blocks(1).convert("L"))}
    with pytest.raises(DataError, match=r"1 of 3 pictures are not RGB pictures \(first: 1.png, L\)"):
        Archive.open(write_zip(tmp_path / "a.zip", files))


@pytest.mark.parametrize(("mode", "file_format"), [("RGBA", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("I;16", "PNG")])
def test_other_modes_are_refused_with_the_remedy(tmp_path: Path, mode: str, file_format: str) -> None:
    grey16 = Image.fromarray(np.zeros((16, 16), np.uint16))
    picture = grey16 if mode == "I;16" else blocks(0, 16).convert(mode)
    path = write_zip(tmp_path / "a.zip", {f"a.{file_format.lower()}": encoded(picture, file_format)})
    with pytest.raises(DataError, match=f"of mode {mode}, not RGB or grey with 8 bits"):
        Archive.open(path)


def test_an_entry_that_is_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="7.png: not a picture"):
        Archive.open(write_zip(tmp_path / "a.zip", picture_files(2) | {"7.png": b"hello"}))


def test_a_truncated_picture_is_named_when_it_is_loaded(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG")
    path = write_zip(tmp_path / "a.zip", {"0.jpg": whole, "1.jpg": whole[: len(whole) // 2]})
    archive = Archive.open(path)
    with pytest.raises(DataError, match="1.jpg: damaged"):
        archive.load(archive.indices(None))


def test_one_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{n}.bmp": encoded(blocks(n, 128), "BMP") for n in range(3)})
    data = bytearray(path.read_bytes())
    data[data.index(b"1.bmp") + 30_000] ^= 4
    path.write_bytes(data)
    archive = Archive.open(path)
    assert archive.picture(0).shape == (3, 128, 128)
    with pytest.raises(DataError, match="1.bmp is damaged.*CRC"):
        archive.picture(1)


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.bmp": bytes(100 * 2**20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="would unpack to 104857600. Not opened: a zip bomb"):
        Archive.open(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{n}.bmp": encoded(blocks(n), "BMP") for n in range(40)})
    with zipfile.ZipFile(path) as archive:
        first, start = archive.infolist()[0], archive.start_dir
    data = bytearray(path.read_bytes())
    keep = data[: first.file_size + 200]  # every directory entry still claims its own bytes
    end = len(keep)
    tail = data[start:]
    position = tail.index(b"PK\x05\x06")
    tail[position + 16 : position + 20] = struct.pack("<I", end)
    path.write_bytes(keep + tail)
    with pytest.raises(DataError, match="entries overlap"):
        Archive.open(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = foreign_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        Archive.open(path)


def test_an_entry_held_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a.png", encoded(blocks(0)))
        archive.writestr("a.png", encoded(blocks(1)))
    with pytest.raises(DataError, match="holds a.png twice"):
        Archive.open(path)


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    png += struct.pack(">I", 4) + b"IDATabcd" + bytes(4)
    with pytest.raises(DataError, match="a.png: more than 64 million pixels"):
        Archive.open(write_zip(tmp_path / "a.zip", {"a.png": png}))
