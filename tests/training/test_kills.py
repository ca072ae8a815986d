"""Real processes, really killed: whatever the moment, the same command ends where the unbroken run ends."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from networks.snapshot import load_generator
from tests.support.real_run import seconds_until_none, workers
from tests.support.tiny_run import TINY, weights_digest, write_archive
from training.run import RunResult

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
KILLS = 20
# Processes → thousands of pictures, and seconds from the middle of starting up to well into training and saving: the
# whole takes longer than all of these.
CASES = {1: (16, (1.0, 6.0)), 2: (8, (3.0, 9.0))}


def command(data: Path, folder: Path, processes: int) -> list[str]:
    settings = [part for setting in TINY for part in ("--set", setting)]
    flags = ["--gpus", 0, "--processes", processes, "--threads", 1, "--kimg", CASES[processes][0]]
    flags += ["--tick", 0.08, "--snap", 1, "--batch", 8, "--batch-gpu", 4]
    return [sys.executable, "train.py", "--data", str(data), "--outdir", str(folder), *map(str, flags), *settings]


def result(folder: Path) -> RunResult:
    return RunResult(folder, 0, None, None)


def kill_all(process: subprocess.Popen, folder: Path) -> None:
    """The whole tree at once."""
    for pid in [process.pid, *workers(folder)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("processes", CASES)
def test_twenty_kills_end_bit_equal_and_leave_no_damage(tmp_path, repository, processes):
    data = write_archive(tmp_path / "discs.zip")
    subprocess.run(command(data, tmp_path / "unbroken", processes), cwd=repository, check=True, capture_output=True)
    dice, folder, kills = random.Random(0), tmp_path / "killed", 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(data, folder, processes), cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(dice.uniform(*CASES[processes][1]))
        kill_all(process, folder)
        _, error = process.communicate()
        assert seconds_until_none(folder, 10) < 10
        kills += process.returncode == -9
        assert b"Traceback" not in error, error
        for snapshot in folder.glob("snapshot-*.safetensors"):
            load_generator(snapshot)
    assert kills >= KILLS // 2
    subprocess.run(command(data, folder, processes), cwd=repository, check=True, capture_output=True)
    assert weights_digest(result(folder)) == weights_digest(result(tmp_path / "unbroken"))
    assert not list(folder.glob(".*.tmp-*"))
