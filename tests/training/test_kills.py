"""Real processes, really killed: whatever the moment, the same command ends where the unbroken run ends."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from networks.snapshot import load_generator
from tests.support.tiny_run import TINY, weights_digest, write_archive
from training.run import RunResult

pytestmark = pytest.mark.slow
KILLS = 20


def command(data: Path, folder: Path) -> list[str]:
    settings = [part for setting in TINY for part in ("--set", setting)]
    flags = ["--gpus", "0", "--threads", "1", "--kimg", "16", "--tick", "0.08", "--snap", "1", "--batch", "8"]
    return [sys.executable, "train.py", "--data", str(data), "--outdir", str(folder), *flags, *settings]


def result(folder: Path) -> RunResult:
    return RunResult(folder, 0, None, None)


def test_twenty_kills_end_bit_equal_and_leave_no_damage(tmp_path, repository):
    data = write_archive(tmp_path / "discs.zip")
    subprocess.run(command(data, tmp_path / "unbroken"), cwd=repository, check=True, capture_output=True)
    dice, folder, kills = random.Random(0), tmp_path / "killed", 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(data, folder), cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        # From the middle of starting up to well into training and saving; the whole takes longer than all of these.
        time.sleep(dice.uniform(1.0, 6.0))
        process.kill()
        _, error = process.communicate()
        kills += process.returncode == -9
        assert b"Traceback" not in error, error
        for snapshot in folder.glob("snapshot-*.safetensors"):
            load_generator(snapshot)
    assert kills >= KILLS // 2
    subprocess.run(command(data, folder), cwd=repository, check=True, capture_output=True)
    assert weights_digest(result(folder)) == weights_digest(result(tmp_path / "unbroken"))
    assert not list(folder.glob(".*.tmp-*"))
