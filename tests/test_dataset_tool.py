import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataset.archive import Archive
from tests.support.drawn_pictures import blocks, encoded, picture_files, write_folder


def tool(repository: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(repository / "dataset_tool.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "200"},
    )


def assert_one_line(result: subprocess.CompletedProcess[str], words: str) -> None:
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    assert words in lines[-1]
    assert "Traceback" not in result.stderr


def test_pack_then_verify_then_stats(repository: Path, tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": encoded(blocks(n, 64)) for name in ("cat", "dog") for n in range(3)}
    out = tmp_path / "out.zip"
    source = write_folder(tmp_path / "in", files)
    packed = tool(repository, "pack", source, "--out", out, "--resolution", 32, "--licence", "CC0")
    verified = tool(repository, "verify", out)
    counted = tool(repository, "stats", out)
    assert (packed.returncode, verified.returncode, counted.returncode) == (0, 0, 0)
    assert "6 pictures, 32×32, RGB" in packed.stdout
    assert "whole: every picture decodes" in verified.stdout
    assert "folder  cat" in counted.stdout
    assert Archive.open(out).licence == "CC0"
    assert packed.stderr == ""  # no progress bar where nobody looks


def test_demo_draws_and_packs(repository: Path, tmp_path: Path) -> None:
    arguments = ("--count", 3, "--resolution", 32, "--seed", 1)
    result = tool(repository, "demo", "--out", tmp_path / "d.zip", *arguments)
    assert result.returncode == 0
    assert "3 pictures, 32×32" in result.stdout
    assert len(Archive.open(tmp_path / "d.zip")) == 3


@pytest.mark.parametrize("command", ["verify", "stats"])
def test_a_damaged_zip_gives_one_line_and_status_2(repository: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    assert_one_line(tool(repository, command, tmp_path / "a.zip"), "not a zip, or cut short")


def test_unreadable_pictures_give_their_list_and_status_2(repository: Path, tmp_path: Path) -> None:
    source = write_folder(tmp_path / "in", picture_files(2) | {"bad.png": b"hello"})
    result = tool(repository, "pack", source, "--out", tmp_path / "o.zip", "--resolution", 32)
    assert_one_line(result, "1 of 3 pictures cannot be read")
    assert "unreadable: bad.png: not a picture" in result.stdout
    assert not (tmp_path / "o.zip").exists()


def test_a_misspelt_option_gives_one_line_and_the_right_one(repository: Path, tmp_path: Path) -> None:
    result = tool(repository, "pack", tmp_path, "--out", "o.zip", "--resolutoin", 32)
    assert_one_line(result, "--resolution")


def test_an_impossible_resolution_gives_one_line(repository: Path, tmp_path: Path) -> None:
    result = tool(repository, "pack", tmp_path, "--out", "o.zip", "--resolution", 100)
    assert_one_line(result, "--resolution 100: not a power of two")


@pytest.mark.parametrize("command", ["pack", "demo", "verify", "stats"])
def test_each_command_explains_itself(repository: Path, command: str) -> None:
    result = tool(repository, command, "--help")
    assert result.returncode == 0
    assert "Usage: dataset_tool.py" in result.stdout
