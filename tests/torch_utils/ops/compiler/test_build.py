"""Builds that go well, and every way in which one can go wrong: no hang, one error, nothing half done."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.toolchains import answer, compiler, toolkit
from torch_utils.errors import BuildError, StorageError
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit
from torch_utils.ops.compiler.failures import BuildInterruptedError
from torch_utils.ops.compiler.library import Library

# Builds the library of argv[2] with the compiler argv[3] into the cache argv[1].
BUILD = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.support.toolchains import answer
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.host_compiler import HostCompiler
from torch_utils.ops.compiler.toolchain import find_toolchain
cache, sources, compiler = map(Path, sys.argv[1:])
toolchain = replace(find_toolchain(cuda=False), host=HostCompiler((str(compiler),), "pretended 12.2.0"))
print(Builder(toolchain=toolchain, folders=[cache], say=print).build(answer(sources)))
"""


@pytest.fixture
def library(tmp_path) -> Library:
    return answer(tmp_path / "sources")


@pytest.fixture
def slow_compiler(tmp_path):
    """A g++ that writes a line to `compiled` and takes its time before it does what the real one does."""

    def make(seconds: float) -> Path:
        doing = f'case "$*" in *" -c "*) echo x >> {tmp_path}/compiled; sleep {seconds};; esac\nexec g++ "$@"'
        return compiler(tmp_path / "slow/g++", when_compiling=doing)

    return make


@pytest.fixture
def start(tmp_path, repository):
    """Start a process that builds; what is left of it ends with the test."""
    processes = []

    def begin(with_compiler: Path) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", BUILD, tmp_path / "cache", tmp_path / "sources", with_compiler]
        process = subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def leftovers(cache: Path) -> list[str]:
    """Temporary folders in a cache."""
    return [path.name for path in cache.iterdir() if path.name.startswith(".")]


def test_a_library_is_built_once_and_then_taken_from_the_cache(builder, library, said, tmp_path):
    path = builder.build(library)
    assert ctypes.CDLL(str(path)).answer() == 42
    assert said[0] == "building ops_cpu with the C++ compiler, once for this machine"
    assert said[1].startswith("built ops_cpu in ") and len(said) == 2
    assert "answer.cpp" in (path.parent / "build.log").read_text()
    assert sorted(p.name for p in path.parent.glob("[!.]*")) == ["build.log", "build.ninja", "library.so", "sha256"]
    said.clear()
    assert builder.build(library) == path
    assert said == [] and leftovers(tmp_path / "cache") == []


def test_changed_sources_are_built_again(builder, tmp_path):
    first, second = (builder.build(answer(tmp_path / "sources", value)) for value in (1, 2))
    assert (ctypes.CDLL(str(first)).answer(), ctypes.CDLL(str(second)).answer()) == (1, 2)


def test_a_library_damaged_in_the_cache_is_built_again(builder, library, said):
    path = builder.build(library)
    path.write_bytes(path.read_bytes()[:1000])
    said.clear()
    assert ctypes.CDLL(str(builder.build(library))).answer() == 42
    assert len(said) == 2


def test_a_library_in_a_cache_that_cannot_be_written_is_taken_from_there(builder, library, tmp_path, said):
    path = builder.build(library)
    (tmp_path / "file").touch()
    said.clear()
    both = replace(builder, folders=[tmp_path / "file/ops", tmp_path / "cache"])
    assert both.build(library) == path and said == []


def test_where_the_cache_cannot_be_written_the_next_folder_takes_the_build(builder, library, tmp_path):
    (tmp_path / "file").touch()
    second = replace(builder, folders=[tmp_path / "file/ops", tmp_path / "second"])
    assert second.build(library).parent.parent == tmp_path / "second"
    with pytest.raises(StorageError, match=r"file/ops: could not be written \(Not a directory\)"):
        replace(builder, folders=[tmp_path / "file/ops"]).build(library)


def test_a_read_only_disk_is_one_line(builder, library, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(
        StorageError, match=r"disk/cache: not writable \(Read-only file system\). Choose another folder."
    ):
        replace(builder, folders=[small_disk / "cache"]).build(library)


@pytest.mark.parametrize("left", [0, 30_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(builder, tmp_path, small_disk, left):
    cache = small_disk / "cache"
    cache.mkdir()
    source = tmp_path / "large.cpp"
    source.write_text('extern "C" { extern const char large[200000]; const char large[200000] = {1}; }\n')
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "ballast").write_bytes(bytes(free - left))
    with pytest.raises((BuildError, StorageError), match="no space left "):
        replace(builder, folders=[cache]).build(Library("ops_cpu", (source,), ()))
    assert leftovers(cache) == [] and not list(cache.glob("*/library.so"))


def test_a_compiler_that_fails_is_one_error_with_its_last_lines(builder_with, library, tmp_path):
    lines = "\n".join(f"echo 'answer.cpp:1: error: number {number}'" for number in range(30))
    broken = compiler(tmp_path / "broken/g++", when_compiling=f"{lines}\nexit 1")
    with pytest.raises(
        BuildError, match="^ops_cpu: not built, the compiler failed. Its last lines follow.$"
    ) as failure:
        builder_with(broken).build(library)
    assert failure.value.details == tuple(f"answer.cpp:1: error: number {number}" for number in range(18, 30))
    assert leftovers(tmp_path / "cache") == []


@pytest.fixture
def failing(builder_with, tmp_path):
    """A builder whose compiler fails, saying so, and notes each time it is called; and how often it was."""

    def make(says: str = "answer.cpp:1: error: no") -> Builder:
        doing = f"echo x >> {tmp_path}/compiled; echo '{says}'; exit 1"
        return builder_with(compiler(tmp_path / "failing/g++", when_compiling=doing))

    return make


def failure_of(builder: Builder, library: Library) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(BuildError) as failure:
        builder.build(library)
    return str(failure.value), failure.value.details


def times_compiled(tmp_path: Path) -> int:
    return len((tmp_path / "compiled").read_text().split())


def test_what_the_compiler_refused_is_said_again_without_compiling(failing, library, said, tmp_path):
    first = failure_of(failing(), library)
    said.clear()
    assert failure_of(failing(), library) == first
    assert first == ("ops_cpu: not built, the compiler failed. Its last lines follow.", ("answer.cpp:1: error: no",))
    assert times_compiled(tmp_path) == 1 and said == []


def test_it_is_compiled_again_after_a_day_for_other_sources_or_when_asked(failing, library, tmp_path):
    failure_of(failing(), library)
    failure_of(replace(failing(), retry=True), library)
    assert times_compiled(tmp_path) == 2
    (remembered,) = (tmp_path / "cache").glob("*.failed")
    then = time.time() - 86400 - 60
    os.utime(remembered, (then, then))
    failure_of(failing(), library)
    assert times_compiled(tmp_path) == 3
    failure_of(failing(), answer(tmp_path / "sources", 43))
    assert times_compiled(tmp_path) == 4


def test_a_build_that_goes_well_at_last_is_no_longer_remembered_as_failed(failing, builder_with, library, tmp_path):
    failure_of(failing(), library)
    mended = builder_with(compiler(tmp_path / "failing/g++", when_compiling='exec g++ "$@"'))
    assert ctypes.CDLL(str(replace(mended, retry=True).build(library))).answer() == 42
    assert list((tmp_path / "cache").glob("*.failed")) == []


@pytest.mark.parametrize(
    "says",
    [
        "g++: fatal error: Killed signal terminated program cc1plus",
        "virtual memory exhausted",
        "No space left on device",
    ],
)
def test_what_may_go_better_another_time_is_tried_at_once(failing, library, tmp_path, says):
    for _ in range(2):
        failure_of(failing(says), library)
    assert times_compiled(tmp_path) == 2


def test_a_build_that_ran_out_of_time_is_tried_again(builder_with, library, tmp_path):
    doing = f"echo x >> {tmp_path}/compiled; sleep 60"
    slow = replace(builder_with(compiler(tmp_path / "slow/g++", when_compiling=doing)), seconds=0.5)
    for _ in range(2):
        failure_of(slow, library)
    assert times_compiled(tmp_path) == 2


@pytest.mark.parametrize(("lasting", "tried"), [(True, 1), (False, 2)])
def test_what_its_trial_found_wrong_is_remembered_if_it_would_be_found_again(builder, library, lasting, tried):
    trials = []

    def refuse(*_) -> None:
        trials.append("tried")
        raise BuildError("it computes nonsense", lasting=lasting)

    for _ in range(2):
        assert failure_of(replace(builder, trial=refuse), library)[0] == "it computes nonsense"
    assert len(trials) == tried


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"message": 1}'])
def test_a_damaged_memory_of_a_failure_counts_for_nothing(failing, builder, library, tmp_path, text):
    failure_of(failing(), library)
    (remembered,) = (tmp_path / "cache").glob("*.failed")
    remembered.write_text(text)
    failure_of(failing(), library)
    assert times_compiled(tmp_path) == 2


def test_an_interruption_is_no_failure(builder, library, tmp_path):
    def interrupted() -> None:
        raise BuildInterruptedError("interrupted")

    failure_of(replace(builder, check=interrupted, trial=lambda library, path, beat: beat()), library)
    assert list((tmp_path / "cache").glob("*.failed")) == []


def test_a_compiler_that_hangs_is_ended(builder_with, library, tmp_path):
    hanging = compiler(tmp_path / "hanging/g++", when_compiling="sleep 60")
    began = time.monotonic()
    with pytest.raises(BuildError, match="ops_cpu: not built within 0.5 s. Is the machine overloaded"):
        replace(builder_with(hanging), seconds=0.5).build(library)
    assert time.monotonic() - began < 5


def test_without_a_compiler_the_error_names_the_remedy(builder, library):
    nothing = replace(builder, toolchain=replace(builder.toolchain, host=None))
    with pytest.raises(BuildError, match=r"compiled ops: no C\+\+ compiler \(.*\). Install one, .*: apt install g\+\+"):
        nothing.build(library)


def test_without_ninja_the_error_names_the_remedy(builder, library):
    nothing = replace(builder, toolchain=replace(builder.toolchain, ninja=None))
    with pytest.raises(BuildError, match="compiled ops: no ninja. Install it: pip install ninja."):
        nothing.build(library)


def test_a_ninja_that_does_not_run_is_an_error_of_its_own(builder, library, tmp_path):
    (tmp_path / "ninja").touch()
    broken = replace(builder, toolchain=replace(builder.toolchain, ninja=tmp_path / "ninja"))
    with pytest.raises(BuildError, match=r"ops_cpu: .*/ninja does not run \(Permission denied\)."):
        broken.build(library)


def test_cuda_without_a_toolkit_or_for_a_card_too_old_is_one_error(builder, tmp_path):
    library = Library("ops_cuda", (tmp_path / "a.cu",), ())
    with pytest.raises(BuildError, match=r"no complete CUDA toolkit .*Get one: pip install .*\[cuda-build\]"):
        builder.build(library)
    folder = toolkit(tmp_path / "cu13")
    cuda = CudaToolkit("test", folder / "bin/nvcc", "13", (), folder / "lib/libcudart.so.13", ("75", "120"))
    with pytest.raises(BuildError, match="a card of compute capability 61: this nvcc compiles for 75 and newer."):
        replace(builder, toolchain=replace(builder.toolchain, cuda=cuda), architectures=("61",)).build(library)


def test_what_its_trial_refuses_is_not_kept(builder, library, tmp_path):
    def refuse(tried: Library, path: Path, beat) -> None:
        beat()
        assert tried is library and path.exists()
        raise BuildError("it computes nonsense")

    with pytest.raises(BuildError, match="it computes nonsense"):
        replace(builder, trial=refuse).build(library)
    assert not list((tmp_path / "cache").glob("*/library.so"))


def test_what_the_check_raises_ends_a_build(builder_with, library, tmp_path):
    def interrupted() -> None:
        raise KeyboardInterrupt

    slow = compiler(tmp_path / "slow/g++", when_compiling="sleep 60")
    with pytest.raises(KeyboardInterrupt):
        replace(builder_with(slow), check=interrupted).build(library)
    assert leftovers(tmp_path / "cache") == []


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_build_killed_in_the_middle_never_hangs_the_next(tmp_path, library, start, slow_compiler):
    path = slow_compiler(30)
    first = start(path)
    wait_until((tmp_path / "compiled").exists)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert len(leftovers(tmp_path / "cache")) == 1
    slow_compiler(0)
    second = start(path)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 0 and "waiting" not in output
    assert ctypes.CDLL(output.splitlines()[-1]).answer() == 42
    assert leftovers(tmp_path / "cache") == []


def test_of_two_processes_at_once_exactly_one_compiles(tmp_path, library, start, slow_compiler):
    both = [start(slow_compiler(6)) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "compiled").read_text() == "x\n"
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]
    assert sum("building ops_cpu" in output for output in outputs) == 1
    assert sum("waiting for process " in output for output in outputs) == 1


@pytest.mark.slow
def test_those_who_waited_for_a_build_that_failed_do_not_repeat_it(tmp_path, library, start):
    doing = f"echo x >> {tmp_path}/compiled; sleep 2; echo 'error: no'; exit 1"
    both = [start(compiler(tmp_path / "broken/g++", when_compiling=doing)) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert (tmp_path / "compiled").read_text() == "x\n"
    assert all("BuildError: ops_cpu: not built, the compiler failed." in output for output in outputs)


@pytest.fixture
def abandoned(builder, library, tmp_path):
    """A temporary folder of another machine's build, of a given age in days."""

    def make(days: float) -> Path:
        entry = builder.build(library).parent
        shutil.rmtree(entry)
        folder = entry.with_name(f".{entry.name}.tmp-elsewhere-1")
        folder.mkdir()
        then = time.time() - days * 86400
        os.utime(folder, (then, then))
        return folder

    return make


@pytest.mark.parametrize(("days", "stays"), [(0.5, True), (2, False)])
def test_what_another_machine_left_goes_after_a_day(builder, library, abandoned, days, stays):
    folder = abandoned(days)
    builder.build(library)
    assert folder.exists() is stays
