"""The doctor on machines that have everything, something, and nothing."""

import os
import subprocess
import sys

import pytest
import torch

from tests.support import pretended_op
from tests.support.pretended_op import NAME, compiled
from tests.support.toolchains import answer, compiler, twice, without_compilers
from torch_utils.errors import BuildError
from torch_utils.ops import doctor
from torch_utils.ops.compiler.toolchain import find_toolchain
from torch_utils.ops.doctor import BROKEN, MISSING, WELL, examine, verdict
from torch_utils.ops.trial import TrialError

CPU = torch.device("cpu")


@pytest.fixture
def visit(tmp_path, monkeypatch, capsys):
    """Examine this test's sources and the pretended op on the CPU; gives the status and the lines."""
    monkeypatch.setattr(doctor, "milliseconds", lambda call, device: 1.0)
    monkeypatch.setattr(doctor, "CASES", pretended_op.CASES[:1])

    def call(environment=None, *, compile_for=()) -> tuple[int, list[str]]:
        within = environment or {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        status = examine(CPU, compile_for=compile_for, sources=tmp_path / "csrc", environment=within)
        return status, capsys.readouterr().out.splitlines()

    return call


def test_without_sources_all_is_well_and_a_case_is_listed_as_plain(visit):
    status, lines = visit()
    assert status == WELL
    assert any(line.startswith("pretended tripled") and "no compiled body     1.000" in line for line in lines)
    assert lines[-1].startswith("verdict: this version has no compiled ops for this device; plain ones are used. [")


def test_without_a_compiler_it_says_what_is_missing_where_it_looked_and_ends_with_2(visit, tmp_path):
    twice(tmp_path / "csrc")
    status, lines = visit(without_compilers(tmp_path))
    assert status == MISSING
    assert "C++       none" in lines
    assert "not taken g++: not found on the PATH" in lines
    assert f"cache     {tmp_path}/cache/kaokore-stylegan/ops (writable)" in lines
    assert "sources   ops_cpu: twice.cpp" in lines
    assert lines[-1].startswith(
        "verdict: plain ops are used: compiled ops: no C++ compiler (g++: not found on the PATH;"
    )


def test_a_broken_compiler_shows_its_last_lines_and_ends_with_2(visit, tmp_path):
    twice(tmp_path / "csrc")
    broken = compiler(tmp_path / "broken/g++", when_compiling="echo 'twice.cpp:1: error: cannot'; exit 1")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "CXX": str(broken)}
    status, lines = visit(environment)
    assert status == MISSING
    assert f"C++       g++ (Pretended) 12.2.0, {broken}" in lines
    assert "          | twice.cpp:1: error: cannot" in lines


def test_it_builds_again_what_failed_before(visit, tmp_path):
    answer(tmp_path / "csrc")
    path = compiler(tmp_path / "broken/g++", when_compiling="exit 1")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "CXX": str(path)}
    assert visit(environment)[0] == MISSING
    compiler(path, when_compiling='exec g++ "$@"')
    _, lines = visit(environment)
    assert any(line.startswith("library   ops_cpu: ready after ") for line in lines)


@pytest.mark.parametrize(
    ("factor", "status", "words"),
    [
        (1.0, WELL, "verdict: 1 compiled ops agree with their plain twins, forward, backward and twice. ["),
        (1.1, BROKEN, "verdict: 1 compiled cases differ from their plain twins. Please report this output. ["),
    ],
)
def test_a_body_that_is_there_is_compared_and_timed(visit, factor, status, words):
    with compiled({NAME: lambda x, tripled: x * tripled * factor}):
        found, lines = visit()
    row = next(line for line in lines if line.startswith("pretended tripled"))
    assert found == status
    assert lines[-1].startswith(words)
    assert ("DIFFERS (allowed 1e-05)" in row) is (factor != 1.0)
    assert "1.000     1.000      1.0x" in row


def test_a_body_that_breaks_is_told_and_ends_with_1(visit):
    def breaks(x, tripled):
        raise RuntimeError("CUDA error: no such luck")

    with compiled({NAME: breaks}):
        status, lines = visit()
    assert status == BROKEN
    assert "pretended tripled: breaks (CUDA error: no such luck)" in lines


def test_cards_too_old_and_numbers_that_are_none_are_told_when_compiling_for_them(visit, tmp_path):
    (tmp_path / "csrc").mkdir()
    (tmp_path / "csrc/a.cu").write_text("// nothing\n")
    toolchain = find_toolchain(cuda=True)
    status, lines = visit(compile_for=["61", "x"])
    assert status == MISSING
    if toolchain.missing(cuda=True) is None:
        assert "library   a card of compute capability 61: this nvcc compiles for 75 and newer." in lines
        assert "library   x: not a compute capability. Write for example 90." in lines
    else:
        assert any(line.startswith("library   compiled ops: no complete CUDA toolkit") for line in lines)


def test_the_verdict_tells_a_fault_of_ours_from_something_missing():
    assert verdict([BuildError("ops_cpu: not built.")], 0, 0) == (MISSING, "plain ops are used: ops_cpu: not built.")
    refused = [BuildError("a."), TrialError("ops_cpu: built, but it does not agree with the plain bodies.")]
    words = (
        "a. ops_cpu: built, but it does not agree with the plain bodies. Plain ops are used. Please report this output."
    )
    assert verdict(refused, 0, 0) == (BROKEN, words)
    assert verdict([], 1, 5)[0] == BROKEN


def test_it_runs_as_a_module_and_tells_its_exit_statuses(repository):
    command = [sys.executable, "-m", "torch_utils.ops.doctor", "--help"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    words = "Exit status: 0 all is well, 1 a compiled op is wrong (please report it), 2 something is missing."
    assert words in " ".join(done.stdout.split())
