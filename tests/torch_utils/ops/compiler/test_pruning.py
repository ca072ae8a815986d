"""Old entries of the cache go, but never one that somebody uses."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.toolchains import answer
from torch_utils.ops.compiler import pruning
from torch_utils.ops.compiler.cache import commit, find_intact
from torch_utils.ops.compiler.pruning import KEPT, prune

# Uses the entry argv[2] of the cache argv[1] until it is ended.
USER = """
import sys, time
from pathlib import Path
from torch_utils.ops.compiler.cache import find_intact
assert find_intact([Path(sys.argv[1])], sys.argv[2])
print("in use", flush=True)
time.sleep(60)
"""
# Prunes the cache argv[1] as soon as the file argv[2] is there.
PRUNER = """
import sys
from pathlib import Path
from torch_utils.ops.compiler.pruning import prune
print("ready", flush=True)
while not Path(sys.argv[2]).exists():
    pass
prune(Path(sys.argv[1]), "ops_cpu", kept=2)
"""


def entry(number: int, name: str = "ops_cpu") -> str:
    return f"{name}-{number:024x}"


def stored(cache: Path, number: int, *, days: float, name: str = "ops_cpu") -> Path:
    """An entry that was last used so many days ago."""
    made = cache / ".made"
    made.mkdir(parents=True)
    (made / "library.so").write_bytes(b"code")
    place = commit(made, cache / entry(number, name)).parent
    then = time.time() - days * 86400
    os.utime(place / "sha256", (then, then))
    return place


def names(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def test_of_each_library_those_used_last_are_kept(tmp_path):
    for number in range(5):
        stored(tmp_path, number, days=number)
        stored(tmp_path, number, days=number, name="ops_cpu_other")
    prune(tmp_path, "ops_cpu", kept=2)
    others = [entry(number, "ops_cpu_other") for number in range(5)]
    assert names(tmp_path) == sorted([entry(0), entry(1), *others])


def test_to_be_looked_up_is_to_be_used(tmp_path):
    for number in range(3):
        stored(tmp_path, number, days=number)
    assert find_intact([tmp_path], entry(2))
    prune(tmp_path, "ops_cpu", kept=2)
    assert names(tmp_path) == [entry(0), entry(2)]


def test_what_another_process_uses_stays_until_that_ends(tmp_path, repository):
    for number in range(3):
        stored(tmp_path, number, days=number)
    command = [sys.executable, "-c", USER, tmp_path, entry(2)]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None and user.stdout.readline() == "in use\n"
        os.utime(tmp_path / entry(2) / "sha256", (1, 1))  # long ago, as for a process that runs for weeks
        prune(tmp_path, "ops_cpu", kept=1)
        assert names(tmp_path) == [entry(0), entry(2)]
        user.kill()
    prune(tmp_path, "ops_cpu", kept=1)
    assert names(tmp_path) == [entry(0)]


def test_an_entry_that_is_just_being_taken_away_is_not_found(tmp_path):
    place = stored(tmp_path, 0, days=0)
    with pruning._alone(place / "sha256") as free:
        assert free and find_intact([tmp_path], entry(0)) is None
    assert find_intact([tmp_path], entry(0)) is not None


def test_without_locks_nothing_is_taken_away_and_everything_found(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    for number in range(2):
        stored(tmp_path, number, days=number)
    monkeypatch.setattr(pruning.fcntl, "flock", refuse)
    prune(tmp_path, "ops_cpu", kept=1)
    assert all(find_intact([tmp_path], entry(number)) for number in range(2))


def test_processes_that_prune_at_once_do_each_other_no_harm(tmp_path, repository):
    for number in range(100):
        stored(tmp_path / "cache", number, days=number)
    command = [sys.executable, "-c", PRUNER, tmp_path / "cache", tmp_path / "go"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    pruners = [subprocess.Popen(command, cwd=repository, **pipes) for _ in range(3)]
    for process in pruners:
        assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=120)[1] for process in pruners]
    assert [process.returncode for process in pruners] == [0, 0, 0], said
    assert names(tmp_path / "cache") == [entry(0), entry(1)]


@pytest.mark.parametrize(("days", "stays"), [(0.5, True), (2, False)])
def test_notes_and_leftovers_without_an_entry_go_after_a_day(tmp_path, days, stays):
    stored(tmp_path, 0, days=0)
    then = time.time() - days * 86400
    left = [tmp_path / f"{entry(1)}.lock", tmp_path / f"{entry(1)}.failed", tmp_path / f".{entry(1)}.tmp-elsewhere-1"]
    for path in left:
        path.mkdir() if "tmp" in path.name else path.touch()
        os.utime(path, (then, then))
    (tmp_path / f"{entry(0)}.lock").touch()
    prune(tmp_path, "ops_cpu")
    assert [path.exists() for path in left] == [stays] * 3
    assert (tmp_path / f"{entry(0)}.lock").exists()


def test_a_damaged_entry_goes_too(tmp_path):
    stored(tmp_path, 0, days=0)
    (stored(tmp_path, 1, days=0) / "sha256").unlink()
    prune(tmp_path, "ops_cpu", kept=1)
    assert names(tmp_path) == [entry(0)]


def test_a_build_prunes(builder, tmp_path):
    cache = tmp_path / "cache"
    for number in range(KEPT + 3):
        stored(cache, number, days=1 + number)
    path = replace(builder, folders=[cache]).build(answer(tmp_path / "sources"))
    kept = [path.name for path in cache.glob("ops_cpu-*") if path.is_dir()]
    assert sorted(kept) == sorted([path.parent.name, *map(entry, range(KEPT - 1))])
