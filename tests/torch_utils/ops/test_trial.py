import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.toolchains import answer, refusing, script
from torch_utils.ops import trial
from torch_utils.ops.cases import Case, Pictures
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.toolchain import find_toolchain
from torch_utils.ops.trial import TrialError, in_a_process_of_its_own, refuses


def nothing() -> None:
    """A sign of life that nobody sees."""


def test_a_library_that_crashes_when_it_is_loaded_is_refused(tmp_path):
    source = tmp_path / "crash.cpp"
    source.write_text("#include <cstdlib>\n__attribute__((constructor)) static void begin() { std::abort(); }\n")
    toolchain = find_toolchain(cuda=False)
    if (reason := toolchain.missing(cuda=False)) is not None:
        pytest.skip(reason)
    library = Library("ops_cpu", (source,), ())
    path = Builder(toolchain=toolchain, folders=[tmp_path / "cache"], say=print).build(library)
    with pytest.raises(TrialError, match=r"ops_cpu: built, but its first run crashed \(signal 6\)."):
        in_a_process_of_its_own(library, path, nothing)


def test_an_error_is_told_even_if_the_compiler_puts_its_own_runtime_into_libraries(tmp_path):
    toolchain = find_toolchain(cuda=False)
    if (reason := toolchain.missing(cuda=False)) is not None or toolchain.host is None:
        pytest.skip(str(reason))
    real = shlex.join(toolchain.host.command)
    fond = script(tmp_path / "g++", f'exec {real} "$@" -static-libgcc -static-libstdc++')
    toolchain = replace(toolchain, host=replace(toolchain.host, command=(str(fond),)))
    library = refusing(tmp_path / "csrc")
    path = Builder(toolchain=toolchain, folders=[tmp_path / "cache"], say=print).build(library)
    program = (
        "import torch\n"
        f"torch.ops.load_library({str(path)!r})\n"
        "try:\n    torch.ops.kaokore_test.refuse(torch.ones(3))\n"
        "except RuntimeError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "x of 1 dimensions is not wanted" in done.stdout, done


def test_an_op_that_takes_what_does_not_fit_is_told_from_one_that_refuses_it():
    def two(p: Pictures):
        return p.pictures(), p.pictures()

    assert not refuses(Case("aten::relu", "of pictures", lambda p: (p.pictures(),)), Pictures())
    assert refuses(Case("aten::mm", "of pictures", two), Pictures())


def test_a_library_that_takes_what_does_not_fit_is_told(monkeypatch):
    monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
    monkeypatch.setattr(trial, "compiled_ops", lambda device_type, ops: ["kaokore::warp"])
    monkeypatch.setattr(trial, "refuses", lambda case, pictures: False)
    assert trial.try_library(Path("library.so"), "cpu") == ["kaokore::warp: takes a tensor that does not fit"]


def test_a_file_that_is_no_library_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "library.so"
    path.write_text("nothing of the kind\n" * 100)
    with pytest.raises(TrialError, match="ops_cpu: built, but its first run failed.") as failure:
        in_a_process_of_its_own(answer(tmp_path), path, nothing)
    assert any("invalid ELF header" in line for line in failure.value.details)
    assert len(failure.value.details) <= 12


def test_a_process_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_SECONDS", 0.1)
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", "sleep 60")))
    with pytest.raises(TrialError, match=r"its first run did not end within 0\.1 s.") as failure:
        in_a_process_of_its_own(answer(tmp_path), tmp_path / "library.so", nothing)
    assert not failure.value.lasting


@pytest.mark.parametrize(
    ("does", "lasting"),
    [
        ("kill -SEGV $$", True),
        ("kill -KILL $$", False),  # by the system, for memory
        ("echo warp turned: differs; exit 3", True),
        ("echo 'warp turned: breaks (CUDA out of memory.)'; exit 3", False),
        ("exit 1", True),
    ],
)
def test_a_failure_lasts_unless_memory_was_short(tmp_path, monkeypatch, does, lasting):
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", does)))
    with pytest.raises(TrialError) as failure:
        in_a_process_of_its_own(answer(tmp_path), tmp_path / "library.so", nothing)
    assert failure.value.lasting is lasting
