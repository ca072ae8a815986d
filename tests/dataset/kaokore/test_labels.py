import hashlib
from pathlib import Path

import pytest

from dataset.kaokore import LABEL_SETS, LabelRow, read_labels, source_name
from dataset.kaokore.versions import VERSIONS
from torch_utils.errors import DataError

HEADER = "image,gender,status,set\n"


def test_rows_are_read_as_class_numbers_and_split() -> None:
    rows = read_labels((HEADER + "00000003.jpg,1,2,dev\n00000001.jpg,0,3,test\n").encode(), "labels.csv")
    assert rows == {"00000003.jpg": LabelRow(1, 2, "dev"), "00000001.jpg": LabelRow(0, 3, "test")}


def test_class_numbers_mean_what_the_data_set_says() -> None:
    assert [s.classes for s in LABEL_SETS] == [("male", "female"), ("noble", "warrior", "incarnation", "commoner")]


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    text = "\ufeff" + HEADER.strip() + "\r\n00000003.jpg,1,2,dev\r\n"
    assert list(read_labels(text.encode(), "labels.csv")) == ["00000003.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line is nothing"),
        ("image,label\n", "its first line is image,label, not image,gender,status,set"),
        (HEADER + "a.jpg,0,0\n", "line 2: 3 fields, not 4"),
        (HEADER + "a.jpg,2,0,train\n", "line 2: gender '2' is not 0 to 1"),
        (HEADER + "a.jpg,0,-1,train\n", "line 2: status '-1' is not 0 to 3"),
        (HEADER + "a.jpg,0,1,valid\n", "line 2: set 'valid' is none of train, dev, test"),
        (HEADER + "a.jpg,0,1,dev\na.jpg,0,1,dev\n", "line 3: a.jpg has a row already"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_labels(text.encode(), "labels.csv")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(DataError, match="not a UTF-8 CSV file"):
        read_labels(b"\xff\xfe\x00", "labels.csv")


def test_an_edited_file_has_no_version() -> None:
    assert source_name(HEADER.encode()) == "KaoKore (edited labels)"


def test_the_official_files_are_known_by_their_digest(shared: Path) -> None:
    import zipfile

    with zipfile.ZipFile(shared / "data" / "kaokore-metadata.zip") as archive:
        texts = [archive.read(f"dataset{suffix}/labels.csv") for suffix in ("", "_v1.1", "_v1.2", "_v1.3")]
    assert [source_name(text) for text in texts] == [f"KaoKore v1.{minor}" for minor in range(4)]
    assert [len(read_labels(text, "labels.csv")) for text in texts] == [5298, 8215, 8446, 9257]
    assert {hashlib.sha256(text).hexdigest() for text in texts} == {v.digests["labels.csv"] for v in VERSIONS.values()}
