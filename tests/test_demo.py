"""The demo, shortened: its commands run, and so do those it suggests next."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from networks.snapshot import load_generator

SHORT = ("--cpu", "--kimg", "0.064")


def python(repository: Path, cwd: Path, *arguments: object) -> str:
    result = run(repository, cwd, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run(repository: Path, cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, repository / str(arguments[0]), *map(str, arguments[1:])],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )


@pytest.fixture(scope="module")
def demo(repository, tmp_path_factory) -> tuple[Path, str]:
    """The folder it ran in, not the repository's, and what it said."""
    cwd = tmp_path_factory.mktemp("demo")
    return cwd, python(repository, cwd, "demo.py", *SHORT)


def test_reals_and_fakes_stand_side_by_side(demo):
    cwd, said = demo
    assert "reals-and-fakes.png" in said
    with Image.open(cwd / "demo/reals-and-fakes.png") as sheet, Image.open(cwd / "demo/grid.png") as fakes:
        assert fakes.size == (8 * 32, 8 * 32)
        assert sheet.size == (2 * 3 * 256 + 16, 3 * 256)
        right = sheet.crop((3 * 256 + 16, 0, *sheet.size))
        assert right.resize(fakes.size, Image.Resampling.NEAREST).tobytes() == fakes.convert("RGB").tobytes()


def test_the_commands_it_suggests_run(demo, repository):
    cwd, said = demo
    sampling, training, _ = re.findall(r"^  python (.*)$", said, re.MULTILINE)
    python(repository, cwd, *shlex.split(sampling))
    assert (cwd / "calmer.png").is_file()
    words = shlex.split(training, comments=True)
    words[words.index("--kimg") + 1] = "0.08"
    said = python(repository, cwd, *words)
    assert "going on from checkpoint-000000064.pt" in said
    (snapshot,) = (cwd / "demo/run").glob("snapshot-000000.08.safetensors")
    assert load_generator(snapshot).info.images_seen == 80


def test_a_second_demo_trains_nothing_and_makes_the_same_picture(demo, repository):
    cwd, _ = demo
    python(repository, cwd, "demo.py", *SHORT)
    sheet, checkpoints = (cwd / "demo/reals-and-fakes.png").read_bytes(), states(cwd)
    python(repository, cwd, "demo.py", *SHORT)
    assert (cwd / "demo/reals-and-fakes.png").read_bytes() == sheet
    assert states(cwd) == checkpoints


def states(cwd: Path) -> dict[str, int]:
    """When each checkpoint was written."""
    return {path.name: path.stat().st_mtime_ns for path in (cwd / "demo/run").glob("checkpoint-*.pt")}


def test_a_step_that_fails_ends_the_demo_with_its_own_line(repository, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/faces.zip").write_bytes(b"not a zip")
    result = run(repository, tmp_path, "demo.py", *SHORT)
    assert result.returncode == 2
    assert result.stderr.startswith("error: demo/faces.zip: not a zip")
    assert len(result.stderr.splitlines()) == 1


def test_the_choice_of_ops_reaches_the_steps(demo, repository, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/faces.zip").symlink_to(demo[0] / "demo/faces.zip")
    result = run(repository, tmp_path, "demo.py", *SHORT, "--ops", "cuda")
    assert result.returncode == 2
    assert result.stderr.startswith("error: --ops cuda: this runs on the cpu")
