import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from torch_utils.errors import BuildError
from torch_utils.ops.compiler.lock import Owner, build_lock

# Holds the lock named by argv[1], giving a sign of life every 0.1 s, until it is ended.
HOLDER = """
import sys, time
from pathlib import Path
from torch_utils.ops.compiler.lock import build_lock
with build_lock(Path(sys.argv[1]), print, patience=60) as held:
    print("held", flush=True)
    while True:
        held.beat()
        time.sleep(0.1)
"""
# Takes the lock, leaves it to a child, and ends.
PARENT = """
import os, sys, time
from pathlib import Path
from torch_utils.ops.compiler.lock import build_lock
with build_lock(Path(sys.argv[1]), print, patience=60):
    child = os.fork()
    if child == 0:
        time.sleep(60)
    print(child, flush=True)
    os._exit(0)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library.lock"


@pytest.fixture
def holder(path, repository):
    """A process that holds the lock; it is ended with the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=repository, stdout=subprocess.PIPE, text=True, env=bare()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def bare() -> dict[str, str]:
    """An environment without what a coverage tool or a user may have set for Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def wait_for(path, said, *, patience=60.0, stale=60.0, check=lambda: None) -> tuple[bool, float]:
    """Whether the lock was had, and the seconds until the block began."""
    began = time.monotonic()
    with build_lock(path, said.append, patience=patience, stale=stale, check=check) as held:
        return held.exclusive, time.monotonic() - began


def test_a_free_lock_is_had_at_once_and_in_silence(path, said):
    exclusive, seconds = wait_for(path, said)
    assert exclusive and seconds < 0.2 and said == []
    assert Owner(**json.loads(path.read_text())) == Owner.this_process()


def test_a_waiter_says_once_for_whom_it_waits_and_gives_up_when_its_patience_ends(path, said, holder):
    exclusive, seconds = wait_for(path, said, patience=1.0)
    assert not exclusive and 0.9 < seconds < 3
    name = f"process {holder.pid} on {Owner.this_process().host}"
    assert said == [
        f"waiting for {name}, which builds the same",
        f"{name} has been building for 1 s; building without waiting for it",
    ]


def test_a_killed_holder_frees_the_lock_at_once(path, said, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    exclusive, seconds = wait_for(path, said)
    assert exclusive and seconds < 0.5 and said == []


def test_a_frozen_holder_is_not_waited_for(path, said, holder):
    os.kill(holder.pid, signal.SIGSTOP)
    exclusive, seconds = wait_for(path, said, stale=0.6)
    assert not exclusive and seconds < 3
    assert said[-1].endswith("has shown no life for 0.6 s; building without waiting for it")


def test_a_lively_holder_is_not_taken_for_a_frozen_one(path, said, holder):
    wait_for(path, said, stale=0.6, patience=1.5)
    assert said[-1].endswith("has been building for 1.5 s; building without waiting for it")


def test_a_lock_left_to_a_child_of_a_dead_process_is_not_waited_for(path, said, repository):
    command = [sys.executable, "-c", PARENT, path]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True, env=bare())
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.wait()
    try:
        exclusive, seconds = wait_for(path, said)
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    assert not exclusive and seconds < 2
    assert said[-1].endswith("is gone but its lock is still held; building without waiting for it")


def test_a_file_that_says_nothing_of_its_owner_is_waited_for_like_any_other(path, said, holder):
    path.write_text("{half a")
    exclusive, _ = wait_for(path, said, patience=0.5)
    assert not exclusive
    assert said[0] == "waiting for another process, which builds the same"


def test_what_the_check_raises_ends_the_waiting(path, said, holder):
    def interrupted():
        raise BuildError("interrupted")

    with pytest.raises(BuildError, match="interrupted"):
        wait_for(path, said, check=interrupted)


def test_a_file_system_without_locks_does_without(path, said, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert wait_for(path, said)[0] is False
    assert said == []


def test_a_process_number_that_is_used_again_is_another_owner():
    here = Owner.this_process()
    assert not here.is_dead()
    assert Owner(here.host, here.pid, "1").is_dead()
    assert not Owner("elsewhere", here.pid, "1").is_dead()
