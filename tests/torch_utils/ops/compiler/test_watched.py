import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from torch_utils.ops.compiler.watched import Outcome, run_watched


def run(folder: Path, text: str, *, seconds: float = 30.0, beat=lambda: None) -> Outcome:
    return run_watched(["/bin/sh", "-c", text], folder=folder, environment=os.environ, seconds=seconds, beat=beat)


def test_status_and_output_of_both_kinds_come_back(tmp_path):
    assert run(tmp_path, "pwd; echo oops >&2; exit 3") == Outcome(3, f"{tmp_path}\noops\n")


def test_signs_of_life_are_given_while_it_runs(tmp_path):
    beats = []
    run(tmp_path, "sleep 1.3", beat=lambda: beats.append(time.monotonic()))
    assert len(beats) == 2


def test_what_runs_too_long_is_ended_with_its_children(tmp_path):
    outcome = run(tmp_path, "echo begun; sleep 60 & echo $! > child; wait", seconds=1.0)
    assert outcome == Outcome(None, "begun\n")
    assert is_gone(int((tmp_path / "child").read_text()))


def test_an_interruption_ends_it_with_its_children(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "sleep 60 & echo $! > child; wait", beat=interrupt)
    assert is_gone(int((tmp_path / "child").read_text()))


def is_gone(process: int) -> bool:
    """Whether a process ends within a few seconds; one that nobody has buried yet counts."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with suppress(OSError):
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


def test_a_program_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        run_watched(["/absent"], folder=tmp_path, environment={}, seconds=1, beat=lambda: None)
