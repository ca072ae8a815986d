"""train.py from its command line: from flags to a run, what it says, and what a truly full disk costs."""

import dataclasses
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from networks.snapshot import load_generator
from tests.support.tiny_run import TINY, write_archive
from tests.support.toolchains import without_compilers
from training.options import Flags

SMALL = [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


def words(data: Path, outdir: Path, *more: object) -> list[str]:
    usual = [
        "--data",
        data,
        "--outdir",
        outdir,
        "--gpus",
        0,
        "--threads",
        1,
        "--batch",
        8,
        "--tick",
        0.016,
        "--snap",
        1,
    ]
    return [sys.executable, "train.py", *map(str, [*usual, *more]), *SMALL]


def run(repository: Path, data: Path, outdir: Path, *more: object) -> subprocess.CompletedProcess[str]:
    command = words(data, outdir, *more)
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=200)


def test_a_run_ends_with_its_snapshot_and_the_next_command(repository, data, tmp_path):
    done = run(repository, data, tmp_path / "run", "--kimg", 0.032, "--cond", "colour", "--mirror")
    assert done.returncode == 0, done.stderr
    snapshot = tmp_path / "run" / "snapshot-000000.032.safetensors"
    assert "done: 0.032 kimg of " in done.stdout and f", in {tmp_path / 'run'}" in done.stdout
    assert f"next: python generate.py --network {snapshot} --out grid.png" in done.stdout
    assert [label_set.name for label_set in load_generator(snapshot).info.image_spec.label_sets] == ["colour"]
    assert done.stderr == ""


def test_dry_run_prints_every_option_and_writes_nothing(repository, data, tmp_path):
    done = run(repository, data, tmp_path / "run", "--gamma", 3, "--set", "losses.r1.every=8", "--dry-run")
    options = json.loads(done.stdout)
    assert options["losses"]["r1"] == {"gamma": 3.0, "every": 8}
    assert options["schedule"]["batch_size"] == 8
    assert not (tmp_path / "run").exists()


def test_every_flag_is_known_to_the_options_and_has_a_help_text():
    command = importlib.import_module("train").main
    flags = {parameter.name for parameter in command.params} - {"dry_run"}
    assert flags == {field.name for field in dataclasses.fields(Flags)}
    assert all(parameter.help for parameter in command.params)


def test_ops_that_cannot_be_had_are_one_line_and_status_2(repository, data, tmp_path):
    done = run(repository, data, tmp_path / "run", "--ops", "cuda")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --ops cuda: this runs on the cpu, where CUDA ops are of no use. Use --ops auto.\n"
    assert not (tmp_path / "run").exists()


def test_without_a_compiler_a_run_trains_and_says_so_once(repository, data, tmp_path):
    command = words(data, tmp_path / "run", "--kimg", 0.016)
    environment = without_compilers(tmp_path)
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: compiled ops: no C++ compiler (g++: not found on the PATH;")
    assert line in (tmp_path / "run/log.txt").read_text()
    assert list((tmp_path / "run").glob("snapshot-*.safetensors"))


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(repository, data, tmp_path):
    process = subprocess.Popen(
        words(data, tmp_path / "run", "--kimg", 100), cwd=repository, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "run").glob("checkpoint-*.pt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.decode()) == (130, "")
    seen = max(int(path.stem.removeprefix("checkpoint-")) for path in (tmp_path / "run").glob("checkpoint-*.pt"))
    done = run(repository, data, tmp_path / "run", "--kimg", (seen + 16) / 1000)
    assert done.returncode == 0 and f"going on from checkpoint-{seen:09d}.pt" in done.stdout


def fill(disk: Path, leave: int) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "ballast").write_bytes(bytes(max(free - leave, 0)))


def test_a_disk_that_is_full_at_the_end_is_one_line_and_nothing_older_is_lost(repository, data, small_disk):
    folder = small_disk / "run"
    assert run(repository, data, folder, "--kimg", 0.032).returncode == 0
    older = {path: path.read_bytes() for path in folder.iterdir() if path.suffix in (".pt", ".safetensors", ".png")}
    fill(small_disk, leave=30_000)
    failed = run(repository, data, folder, "--kimg", 0.048)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: ")
    assert "no space left on the disk. Free some and run the same command again." in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr
    assert {path: path.read_bytes() for path in older} == older
    assert not list(folder.glob(".*"))
    (small_disk / "ballast").unlink()
    assert run(repository, data, folder, "--kimg", 0.048).returncode == 0
    assert load_generator(folder / "snapshot-000000.048.safetensors").info.images_seen == 48
