import stat
import zipfile
from pathlib import Path

import pytest

from dataset.sources import leads_outside, open_source
from tests.support.drawn_pictures import blocks, encoded, picture_files, write_folder, write_zip
from torch_utils.errors import DataError


def test_a_folder_lists_nested_pictures_in_name_order(tmp_path: Path) -> None:
    names = ("b/2.JPG", "a.png", "b/c/1.webp", "note.txt", ".hidden/3.png", "__MACOSX/4.png")
    write_folder(tmp_path, dict.fromkeys(names, b"x"))
    with open_source(tmp_path) as source:
        assert source.pictures == ["a.png", "b/2.JPG", "b/c/1.webp"]


def test_a_zip_reads_what_was_written(tmp_path: Path) -> None:
    files = picture_files(2)
    with open_source(write_zip(tmp_path / "a.zip", files, zipfile.ZIP_DEFLATED)) as source:
        assert {name: source.read(name) for name in source.pictures} == files
        with source.stream("0.png") as stream:
            assert stream.read(4) == b"\x89PNG"


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="faces: no such file"):
        open_source(tmp_path / "faces")


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", "C:\\x.png", "..\\x.png", "C:/x.png"])
def test_names_that_lead_outside_are_recognised(name: str) -> None:
    assert leads_outside(name)


@pytest.mark.parametrize("name", ["x.png", "a/b/x.png", "a..b/x.png", "..png", "./x.png"])
def test_usual_names_stay_inside(name: str) -> None:
    assert not leads_outside(name)


def test_a_name_that_leads_outside_a_zip_is_not_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"../x.png": encoded(blocks(0))})
    with open_source(path) as source, pytest.raises(DataError, match="../x.png: its name leads outside"):
        source.read("../x.png")


def test_a_symbolic_link_in_a_zip_is_not_read(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("x.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with open_source(tmp_path / "a.zip") as source, pytest.raises(DataError, match="x.png: a symbolic link"):
        source.read("x.png")
