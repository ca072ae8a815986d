"""Several real processes: they train as one does, go on where they stopped, and end together."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from tests.support.real_run import command, rank_of, run, seconds_until_none, started, workers
from tests.support.tiny_run import weights_digest, write_archive
from training.run import RunResult

pytestmark = pytest.mark.timeout(300)


def digest(folder: Path) -> str:
    return weights_digest(RunResult(folder, 0, None, None))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture(scope="module")
def two(repository, data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "two"
    done = run(repository, data, folder, "--processes", 2, "--kimg", 0.064)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_two_processes_train_as_one_does(repository, data, two, tmp_path):
    assert run(repository, data, tmp_path / "one", "--kimg", 0.064).returncode == 0
    theirs, ours = (torch.load(max(folder.glob("checkpoint-*.pt"))) for folder in (two, tmp_path / "one"))
    assert theirs.pop("processes") == 2 and ours.pop("processes") == 1
    assert theirs.pop("format") == ours.pop("format")
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-5)


def test_a_signal_stops_both_after_the_same_batch_and_the_rest_is_bit_equal(repository, data, two, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 0.064) as process:
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (143, "")
    assert "stopped at" in out and "To go on: python train.py --data" in out
    assert run(repository, data, folder, "--processes", 2, "--kimg", 0.064).returncode == 0
    assert "going on from checkpoint" in (folder / "log.txt").read_text()
    assert digest(folder) == digest(two)


@pytest.mark.slow
def test_another_number_of_processes_goes_on_with_a_notice(repository, data, tmp_path):
    assert run(repository, data, tmp_path / "run", "--processes", 2, "--kimg", 0.016).returncode == 0
    done = run(repository, data, tmp_path / "run", "--processes", 1, "--kimg", 0.032)
    assert done.returncode == 0, done.stderr
    assert "notice: 1 process instead of 2 processes; the same batch in the same slices" in done.stdout


@pytest.mark.slow
def test_sigusr1_saves_and_goes_on(repository, data, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 1000, "--snap", 1000) as process:
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert next(line for line in process.stdout if line.startswith("saved checkpoint-"))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_when_one_process_is_killed_all_end_and_it_is_named(repository, data, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 1000) as process:
        victim = next(pid for pid in workers(folder) if rank_of(pid) == 1)
        os.kill(victim, signal.SIGKILL)
        _, error = process.communicate(timeout=30)
        assert process.returncode == 1
        assert workers(folder) == []
    assert re.search(rf"error: rank 1 failed first: process {victim} was ended by SIGKILL", error.splitlines()[-1])


def test_when_the_launcher_is_killed_no_process_is_left(repository, data, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 1000) as process:
        assert len(workers(folder)) == 2
        process.kill()
        assert seconds_until_none(folder, 20) < 10


@pytest.mark.slow
def test_a_process_that_stands_still_is_named_after_the_time_out(repository, data, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 1000, "--timeout", 3) as process:
        victim = next(pid for pid in workers(folder) if rank_of(pid) == 1)
        os.kill(victim, signal.SIGSTOP)
        _, error = process.communicate(timeout=60)
        assert workers(folder) == []
    assert process.returncode == 1
    assert re.search(r"error: rank 0 failed first: at step '.*' of batch \d+: rank 1 missing", error.splitlines()[-1])


@pytest.mark.slow
def test_a_killed_process_is_replaced_if_restarts_are_allowed(repository, data, two, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--processes", 2, "--kimg", 0.064, "--max-restarts", 1) as process:
        os.kill(next(pid for pid in workers(folder) if rank_of(pid) == 1), signal.SIGKILL)
        _, error = process.communicate(timeout=90)
    assert process.returncode == 0, error
    assert "starting again from the newest checkpoint" in error
    assert digest(folder) == digest(two)


@pytest.mark.slow
def test_a_second_training_into_a_folder_is_refused(repository, data, tmp_path):
    folder = tmp_path / "run"
    with started(repository, data, folder, "--kimg", 1000) as process:
        second = run(repository, data, folder, "--kimg", 1000)
        assert second.returncode == 2
        assert re.fullmatch(
            rf"error: --outdir .*: process {process.pid} on .* is training into it\. .*\n", second.stderr
        )
        assert process.poll() is None
        process.kill()
        process.wait()
    assert (folder / ".lock").exists()
    assert run(repository, data, folder, "--kimg", 0.032).returncode == 0  # the lock of a dead process is no lock


@pytest.mark.slow
def test_a_full_disk_stops_no_process_and_the_rest_is_bit_equal(repository, data, two, tmp_path):
    folder = tmp_path / "run"
    full = run(repository, data, folder, "--processes", 2, "--kimg", 0.064, largest_file=50_000)
    assert full.returncode == 2
    assert full.stdout.count("not all was saved") >= 2  # it was tried again and again, and training went on
    assert re.fullmatch(r"error: .*: no space left on the disk\. .*", full.stderr.splitlines()[-1])
    assert not list(folder.glob("checkpoint-*")) and not list(folder.glob(".*.tmp-*"))
    assert run(repository, data, folder, "--processes", 2, "--kimg", 0.064).returncode == 0
    assert digest(folder) == digest(two)


def run_with_fault(repository: Path, data: Path, folder: Path, fault: str) -> subprocess.CompletedProcess[str]:
    """Two processes, and what happens from the third batch on in the second one."""
    python, _, *rest = command(data, folder, "--processes", 2, "--kimg", 0.064)
    return subprocess.run(
        [python, "tests/support/faulty_train.py", *rest],
        cwd=repository,
        env=os.environ | {"FAULT": fault},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_an_error_in_one_process_ends_all_and_is_the_last_thing_told(repository, data, tmp_path):
    done = run_with_fault(repository, data, tmp_path / "run", "raise")
    assert done.returncode == 1
    assert "error: rank 1 failed first: Traceback (most recent call last):" in done.stderr
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: planted in a test"
    assert workers(tmp_path / "run") == []


def test_a_loss_that_is_not_finite_in_one_process_is_skipped_by_all(repository, data, tmp_path):
    done = run_with_fault(repository, data, tmp_path / "run", "nan")
    assert (done.returncode, done.stderr) == (0, "")
    assert "step 'D' skipped at image 32: its gradient is not finite" in done.stdout
    contents = torch.load(max((tmp_path / "run").glob("checkpoint-*.pt")), weights_only=True)
    assert contents["steps_skipped"] == 2
    assert all(tensor.isfinite().all() for tensor in contents["discriminator"].values())


@pytest.mark.slow
def test_processes_that_drift_apart_are_stopped_before_anything_of_it_is_saved(repository, data, tmp_path):
    done = run_with_fault(repository, data, tmp_path / "run", "drift")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.match(r"error: D: blocks\..*weight: rank 1 holds other numbers than rank 0 \(image 48\)", line)
    assert max(path.name for path in (tmp_path / "run").glob("checkpoint-*")) == "checkpoint-000000032.pt"
