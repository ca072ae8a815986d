from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset import report
from dataset.archive import Archive
from dataset.convert import Conversion
from dataset.kaokore.adopt import adopt
from dataset.kaokore.folder import KaokoreFolder
from dataset.pack import PackOptions, pack
from tests.support.drawn_kaokore import drawn_index, lines_of, write_download
from tests.support.drawn_pictures import read_back
from torch_utils.errors import ConfigError

LINES = lines_of(100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adopted download of 99 pictures, without two of them."""
    base = tmp_path_factory.mktemp("kaokore")
    images = write_download(base / "in", LINES, without=[3, 4], side=64)
    for path in (images / "images_256").iterdir():
        from PIL import Image

        with Image.open(path) as picture:
            picture.resize((256, 256)).save(path)
    adopt(images, drawn_index(LINES), KaokoreFolder(base / "out", "1.3", "official", True), lambda line: None)
    return base / "out"


@pytest.fixture
def packed(folder: Path, tmp_path: Path) -> Callable[..., tuple[Archive, list[str]]]:
    def run(**options: Any) -> tuple[Archive, list[str]]:
        said: list[str] = []
        out = tmp_path / "out.zip"
        pack(folder, out, PackOptions(conversion=Conversion(resolution=32), **options), said.append)
        return Archive.open(out), said

    return run


def test_every_label_survives_packing(packed) -> None:
    archive, _ = packed()
    index = drawn_index(LINES)
    assert [s.name for s in archive.label_sets] == ["gender", "status", "direction", "era", "holder", "work"]
    for place, name in enumerate(archive.names):
        record = index.by_name[Path(archive.manifest.original_names[name]).name]
        for column, label_set in enumerate(archive.label_sets):
            expected = record.label(label_set.name)
            assert archive.labels[place, column] == (-1 if expected is None else expected)
        assert archive.splits[place] == record.split


def test_attribution_and_the_request_are_printed_and_stand_in_the_zip(packed, tmp_path: Path) -> None:
    archive, said = packed()
    _, document = read_back(tmp_path / "out.zip")
    assert "doi:10.20676/00000353" in document["attribution"]
    assert "ask that no derived data set" in document["redistribution"]
    assert document["licence"] == "CC BY-SA 4.0"
    assert document["attribution"] in said
    assert document["redistribution"] in said
    assert any("doi:10.20676/00000353" in line for line in report.summary(archive))


def test_two_packings_are_equal_to_the_byte(folder: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        pack(folder, tmp_path / name, PackOptions(conversion=Conversion(resolution=64)), lambda line: None)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_choice_of_sets_can_be_kept(packed) -> None:
    archive, _ = packed(label_sets=["status", "direction"])
    assert [label_set.name for label_set in archive.label_sets] == ["status", "direction"]
    with pytest.raises(ConfigError, match=r"--sets statos: no such label set\. Use one of: gender, status"):
        packed(label_sets=["statos"])


def test_a_joint_set_is_refused_where_a_class_is_nearly_empty(packed) -> None:
    with pytest.raises(
        ConfigError, match=r"class 'female noble' would hold 0 of 86 pictures, 4 of 8 classes fewer than 20"
    ):
        packed(joint=["gender+status"])


def test_a_joint_set_can_be_forced_and_keeps_gaps(packed) -> None:
    archive, _ = packed(joint=["gender+status"], force_joint=True)
    joint = archive.label_sets[-1]
    assert joint.classes[:5] == ("male noble", "male warrior", "male incarnation", "male commoner", "female noble")
    gender, status, pair = archive.labels[:, 0], archive.labels[:, 1], archive.labels[:, -1]
    labelled = gender >= 0
    assert (pair[labelled] == gender[labelled] * 4 + status[labelled]).all()
    assert (pair[~labelled] == -1).all()
    assert not labelled.all()


@pytest.mark.parametrize("wanted", ["gender", "gender+gender", "gender+age"])
def test_a_joint_set_of_no_sets_is_refused(packed, wanted: str) -> None:
    with pytest.raises(ConfigError, match=r"--joint .*: not label sets of the source\. Use two of gender, status, dir"):
        packed(joint=[wanted])


def test_the_real_first_version_has_one_female_warrior(shared: Path) -> None:
    from dataset.facts import Facts
    from dataset.joint import with_joint_set
    from dataset.kaokore.index_files import load_index

    index = load_index(shared / "data" / "kaokore-metadata.zip", "1.0")
    names = {"gender", "status"}
    labels = {n: {r.name: r.label(n) for r in index.records if r.label(n) is not None} for n in names}
    facts = Facts(pictures=[r.name for r in index.records], label_sets=index.label_sets[:2], labels=labels)
    with pytest.raises(
        ConfigError, match=r"class 'female warrior' would hold 1 of 5298 pictures, 1 of 8 classes fewer"
    ):
        with_joint_set(facts, "gender+status", force=False)


def test_stats_tell_what_the_splits_share(packed) -> None:
    archive, _ = packed()
    text = "\n".join(report.shared_between_splits(archive))
    assert "page also in train" in text
    assert "overlapping crops (IoU > 0.5)" in text


def test_an_archive_packed_again_keeps_its_crops(packed, tmp_path: Path) -> None:
    archive, _ = packed()
    pack(archive.path, tmp_path / "again.zip", PackOptions(conversion=Conversion(resolution=16)), lambda line: None)
    again = Archive.open(tmp_path / "again.zip")
    assert again.manifest.crops == archive.manifest.crops
    assert report.shared_between_splits(again) == report.shared_between_splits(archive)


def test_a_split_by_book_needs_books(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES[:20])
    options = PackOptions(conversion=Conversion(resolution=32), split_seed=0)
    with pytest.raises(ConfigError, match=r"--split-by book: the source says of no picture which book"):
        pack(images, tmp_path / "out.zip", options, lambda line: None)


def test_tags_beside_labels_are_read_without_addresses(tmp_path: Path) -> None:
    images = write_download(tmp_path / "in", LINES[:20])
    (images / "original_tags.txt").write_bytes(drawn_index(LINES[:20]).files["original_tags.txt"])
    pack(images, tmp_path / "out.zip", PackOptions(conversion=Conversion(resolution=32)), lambda line: None)
    archive = Archive.open(tmp_path / "out.zip")
    assert [s.name for s in archive.label_sets][2:] == ["direction", "era", "holder", "work"]
    assert report.shared_between_splits(archive) == []


@pytest.mark.parametrize(
    "crops", [[], {"00000/img00000000.png": 3}, {"a": {"page": "p", "region": [1, 2, 3], "book": ""}}]
)
def test_wrong_crops_are_refused(crops: object) -> None:
    import json

    from dataset.manifest import parse_manifest
    from torch_utils.errors import DataError

    document = {"labels": None, "crops": crops or [1]}
    with pytest.raises(DataError, match=r"dataset\.json: crops"):
        parse_manifest(json.dumps(document).encode(), ["00000/img00000000.png"], "dataset.json")


def test_the_real_pictures_by_book_share_no_page(shared: Path, tmp_path: Path) -> None:
    from dataset.kaokore.index_files import load_index
    from dataset.kaokore.info import crop_of
    from dataset.leakage import leakage
    from dataset.splits import split_by_book

    index = load_index(shared / "data" / "kaokore-metadata.zip", "1.3")
    labelled = {r.name: r for r in index.records if r.row}
    classes = {name: (r.row.gender, r.row.status) for name, r in labelled.items() if r.row}
    splits = split_by_book({name: r.book for name, r in labelled.items()}, classes, 0)
    found = leakage([crop_of(r) for r in labelled.values()], [splits[name] for name in labelled])
    assert found.shared == {"dev": (967, 0, 0), "test": (966, 0, 0)}
    assert found.across == ()
