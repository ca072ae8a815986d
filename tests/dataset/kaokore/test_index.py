import re
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.kaokore.index import MetadataError, completed, read_index
from dataset.kaokore.index_files import load_index, version_in
from dataset.kaokore.info import class_counts, counts, info_lines
from dataset.kaokore.versions import VERSIONS
from tests.support.drawn_kaokore import CODH, KEIO, KYOTO, drawn_index, index_files, lines_of, write_index
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import write_text


def read(**changed: bytes):
    return read_index(index_files(lines_of()) | changed, "1.3", "drawn", unpinned=True)


def test_a_hole_in_the_numbering_moves_no_name() -> None:
    index = drawn_index()
    assert "00000005.jpg" not in index.by_name
    assert str(index.by_name["00000006.jpg"].address) == lines_of()[5].address("256,256")
    assert index.url_lines == 24
    assert len(index.reachable) == 23


def test_labels_splits_tags_and_books_come_together() -> None:
    record = drawn_index().by_name["00000010.jpg"]
    found = {s.name: s.classes[i] for s in drawn_index().label_sets if (i := record.label(s.name)) is not None}
    assert found == {
        "gender": "female",
        "status": "incarnation",
        "era": "Keian 4 (1651)",
        "holder": "Keio University",
        "work": "物語乙",
    }  # and no direction: the tag says 不明
    assert (record.split, record.book) == ("train", "132X@2@1")


def test_missing_labels_stay_missing() -> None:
    record = drawn_index().by_name["00000008.jpg"]
    assert (record.row, record.split, record.label("gender"), record.label("status")) == (None, None, None, None)


def test_the_crop_and_not_the_name_joins_versions() -> None:
    old = drawn_index(lines_of(), "1.2", "256,")
    new = drawn_index([replace(line, number=line.number + 100) for line in lines_of()], "1.3", "!200,200")
    ids = [[record.address.crop_id for record in index.reachable if record.address] for index in (old, new)]
    assert ids[0] == ids[1]
    assert old.by_name.keys().isdisjoint(new.by_name)


def test_unpinned_bytes_are_refused() -> None:
    with pytest.raises(MetadataError, match=r"labels\.csv has the SHA-256 [0-9a-f]{12}…, v1\.3's is fa2c9e869073…"):
        read_index(index_files(lines_of()), "1.3", "drawn")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("urls.txt", (r"/256,256/0/", "/256,256/90/"), "line 1: .* is not an IIIF address"),
        ("urls.txt", (r"https?://", "file://"), "line 1: .* is not an IIIF address"),
        ("labels.csv", (r"00000001\.jpg,0,1", "00000001.jpg,0,2"), "says? male warrior, labels.csv says male incarnat"),
        ("labels.csv", (r"00000001\.jpg", "00000099.jpg"), "1 pictures of labels.csv are not in original_tags.txt"),
        ("original_tags.txt", (r"00000003\.jpg:", "00000003.jpg "), "line 4 is not name:key=value"),
        ("original_tags.txt", (r"向き=横", "向き=上"), "向き is 上, which is no class of direction"),
        ("original_tags.txt", (r"00000003\.jpg", "00000002.jpg"), "00000002.jpg has a line already"),
    ],
)
def test_files_that_contradict_each_other_are_refused(file: str, change: tuple[str, str], words: str) -> None:
    text = index_files(lines_of())[file].decode()
    with pytest.raises(MetadataError, match=words):
        read(**{file: re.sub(*change, text, count=1).encode()})


def test_names_that_lead_elsewhere_are_refused() -> None:
    files = {name: text.replace(b"00000001.jpg", b"../../01.jpg") for name, text in index_files(lines_of()).items()}
    del files["urls.txt"]
    with pytest.raises(MetadataError, match=r"'../../01\.jpg' is not a plain file name|are not in original_tags"):
        read(**files)


def test_a_version_that_forgot_addresses_takes_them_from_the_next() -> None:
    old_lines = lines_of(12)
    old = read_index(index_files(old_lines, forgotten=[9, 10]), "1.1", "drawn", unpinned=True)
    new = drawn_index([replace(line, number=line.number + 4683, shift=4683) for line in old_lines], "1.2")
    assert (len(old.reachable), len(completed(old, new).reachable)) == (9, 11)
    other = drawn_index([replace(line, number=line.number + 4683, shift=4683, gender=1) for line in old_lines], "1.2")
    with pytest.raises(MetadataError, match=r"v1\.2 has no picture with the tags of v1\.1's 00000009\.jpg"):
        completed(old, other)


def test_an_index_is_found_in_a_clone_and_in_a_versions_folder(tmp_path: Path) -> None:
    clone = write_index(write_index(tmp_path, "1.0"), "1.3", lines_of(12))
    assert len(load_index(clone, "1.3", unpinned=True).reachable) == 11
    assert len(load_index(clone, "1.0", unpinned=True).reachable) == 23
    assert len(load_index(clone / "dataset", "1.0", unpinned=True).reachable) == 23


def test_a_source_without_the_version_is_refused(tmp_path: Path) -> None:
    clone = write_index(tmp_path, "1.0")
    with pytest.raises(DataError, match=r"several folders hold|no folder holds .* of v1\.3"):
        load_index(clone, "1.3", unpinned=True)
    with pytest.raises(ConfigError, match=r"--version 2\.0: no such version"):
        load_index(clone, "2.0")


def test_the_version_of_edited_labels_must_be_told(tmp_path: Path) -> None:
    write_text(tmp_path / "labels.csv", "image,gender,status,set\n")
    with pytest.raises(ConfigError, match=r"an edited one\)\. Add --version"):
        version_in(tmp_path)


def test_counts_of_a_drawn_version() -> None:
    figures = counts(drawn_index())
    assert (figures["addresses"], figures["rows of labels.csv"], figures["unlabelled, with address"]) == (23, 21, 2)
    assert (figures["books"], figures["pages"]) == (6, 12)
    assert sum(class_counts(drawn_index(), drawn_index().label_sets[1])) == 21


def test_the_report_names_hosts_and_what_to_beware_of() -> None:
    text = "\n".join(info_lines([drawn_index(size="!200,200")]))
    for words in (CODH, KEIO, KYOTO, "23 addresses ask for !200,200", "CC BY-SA 4.0", "doi:10.20676/00000353"):
        assert words in text


# kaokore.md, section 1.2: train, dev, test, all of male, female, noble, warrior, incarnation, commoner.
SPEC = {
    "1.0": [5552, 5552, 5824, 5298, 0, 5298, 254, 804, 63, 4238, 533, 527, 4238, 533, 527],
    "1.1": [8573, 8573, 8845, 8215, 40, 8175, 398, 1471, 97, 6568, 826, 821, 6542, 820, 813],
    "1.2": [8848, 8845, 8848, 8446, 0, 8446, 402, 1505, 97, 6756, 845, 845, 6756, 845, 845],
    "1.3": [9683, 9683, 9683, 9257, 0, 9257, 426, 1666, 107, 7405, 926, 926, 7405, 926, 926],
}
CLASSES = {
    ("1.0", "train"): [3249, 989, 2045, 1288, 432, 473],
    ("1.0", "dev"): [413, 120, 260, 165, 55, 53],
    ("1.0", "test"): [401, 126, 250, 166, 48, 63],
    ("1.0", None): [4063, 1235, 2555, 1619, 535, 589],
    ("1.1", "train"): [5034, 1534, 3169, 2217, 564, 618],
    ("1.1", "dev"): [650, 176, 412, 275, 62, 77],
    ("1.1", "test"): [639, 182, 386, 269, 88, 78],
    ("1.1", None): [6323, 1892, 3967, 2761, 714, 773],
    ("1.2", "train"): [5233, 1523, 3175, 2298, 644, 639],
    ("1.2", "dev"): [652, 193, 433, 278, 63, 71],
    ("1.2", "test"): [659, 186, 384, 300, 84, 77],
    ("1.2", None): [6544, 1902, 3992, 2876, 791, 787],
    ("1.3", "train"): [5707, 1698, 3641, 2392, 675, 697],
    ("1.3", "dev"): [695, 231, 448, 317, 69, 92],
    ("1.3", "test"): [703, 223, 458, 302, 81, 85],
    ("1.3", None): [7105, 2152, 4547, 3011, 825, 874],
}
PAGES = {"1.0": (521, 519, 3), "1.1": (797, 780, 8), "1.2": (816, 820, 6), "1.3": (896, 897, 11)}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_official_index_has_the_counts_of_the_specification(shared: Path, version: str) -> None:
    index = load_index(shared / "data" / "kaokore-metadata.zip", version)
    assert list(counts(index).values()) == SPEC[version]
    for split in ("train", "dev", "test", None):
        found = [count for label_set in index.label_sets[:2] for count in class_counts(index, label_set, split)]
        assert found == CLASSES[version, split]
    on_page_dev, on_page_test, across = PAGES[version]
    text = "\n".join(info_lines([index]))
    assert re.search(rf"^dev +\d+ +{on_page_dev} +", text, re.MULTILINE)
    assert re.search(rf"^test +\d+ +{on_page_test} +", text, re.MULTILINE)
    assert f"{across} across splits" in text
