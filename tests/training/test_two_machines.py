"""One run on two machines, by torchrun as docs/running.md says; then the cable between them is pulled out."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.real_run import rank_of, run, workers
from tests.support.tiny_run import weights_digest, write_archive
from tests.support.two_machines import Machine, torchrun, two_machines, why_not
from training.run import RunResult

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KIMG = ("--kimg", 0.32, "--timeout", 10)
ENDS_WITHIN = 60  # seconds: the time limit, twice where a machine does not know of the other's end, and some patience


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


def start_both(machines: tuple[Machine, Machine], repository: Path, data: Path, folder: Path) -> list[subprocess.Popen]:
    """The same command on each; only the main machine has the run's folder."""
    folders = (folder, folder.with_name("elsewhere"))
    return [
        machine.start(torchrun(machine, machines[0], data, its, *KIMG), repository)
        for machine, its in zip(machines, folders, strict=True)
    ]


def ends(processes: list[subprocess.Popen], within: float) -> list[tuple[int, str]]:
    """Exit status and output of each."""
    deadline = time.monotonic() + within
    results = []
    for process in processes:
        output, _ = process.communicate(timeout=max(deadline - time.monotonic(), 1))
        results.append((process.returncode, output))
    return results


def digest(folder: Path) -> str:
    return weights_digest(RunResult(folder, 0, None, None))


def wait_for_checkpoint(folder: Path, processes: list[subprocess.Popen]) -> None:
    deadline = time.monotonic() + 100
    while not list(folder.glob("checkpoint-*.pt")) and time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)


def test_a_machine_that_is_cut_off_ends_both_and_the_run_goes_on(repository, data, tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    folder, unbroken = tmp_path / "run", tmp_path / "unbroken"
    with two_machines() as (one, other):
        processes = start_both((one, other), repository, data, folder)
        wait_for_checkpoint(folder, processes)
        other.unplug()
        (first, said), (second, answered) = ends(processes, ENDS_WITHIN)
        assert first == 1 and "rank 0: at step" in said and "rank 1 missing" in said
        assert second != 0 and "rank 1: at step" in answered
        assert "the main process's machine does not answer" in answered
        other.plug()
        (first, said), (second, answered) = ends(start_both((one, other), repository, data, folder), 100)
    assert (first, second) == (0, 0), said + answered
    assert "going on from checkpoint" in said
    assert not folder.with_name("elsewhere").exists()
    assert run(repository, data, unbroken, "--processes", 2, *KIMG).returncode == 0
    assert digest(folder) == digest(unbroken)


def test_a_process_killed_on_the_other_machine_ends_both(repository, data, tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    with two_machines() as (one, other):
        processes = start_both((one, other), repository, data, tmp_path / "run")
        wait_for_checkpoint(tmp_path / "run", processes)
        os.kill(next(pid for pid in workers(tmp_path / "elsewhere") if rank_of(pid) == 1), signal.SIGKILL)
        (first, said), (second, _) = ends(processes, ENDS_WITHIN)
    assert first == 1 and "rank 1 missing" in said
    assert second == 1
