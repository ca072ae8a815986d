"""Loading compiled ops: what is said and done when they can be had, and when they cannot."""

import os
import signal
import time
from functools import partial

import pytest
import torch

from tests.support.toolchains import answer, compiler, toolkit, twice, without_compilers, wrong_warp
from torch_utils.errors import BuildError, ConfigError
from torch_utils.ops import native
from torch_utils.ops.compiler import cuda_toolkit, toolchain
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.host_compiler import HostCompiler
from torch_utils.ops.compiler.toolchain import Toolchain, find_toolchain
from torch_utils.ops.native import LoadedOps, build_all, load_library, load_ops

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def load(tmp_path, said):
    """load_ops on this test's own sources (there are none before it writes them) and cache."""

    def call(mode: native.OpsMode, device=CPU, **environment: str) -> LoadedOps:
        within = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), **environment}
        return load_ops(mode, device, said.append, sources=tmp_path / "csrc", environment=within)

    return call


@pytest.fixture
def needs_compiler() -> None:
    if (reason := find_toolchain(cuda=False).missing(cuda=False)) is not None:
        pytest.skip(reason)


@pytest.fixture
def toolkits(tmp_path, monkeypatch):
    """The folder in which CUDA toolkits are looked for, and nowhere else."""
    find = partial(cuda_toolkit.find_cuda_toolkit, pip_folders=[], system=tmp_path / "toolkits")
    monkeypatch.setattr(toolchain, "find_cuda_toolkit", lambda wanted, environment: find("13.0", {"PATH": ""}))
    return tmp_path / "toolkits"


def test_without_sources_nothing_is_said_or_loaded(load, said):
    assert load("auto") == load("auto", CUDA) == LoadedOps()
    assert said == []


def test_reference_loads_nothing_and_says_nothing(load, said, tmp_path):
    twice(tmp_path / "csrc")
    assert load("reference") == load("reference", CUDA) == LoadedOps()
    assert said == [] and not (tmp_path / "cache").exists()


def test_auto_builds_what_is_there_and_loads_it_once(load, said, tmp_path, needs_compiler):
    twice(tmp_path / "csrc")
    assert load("auto") == LoadedOps(("ops_cpu",))
    assert [line.partition(" in ")[0] for line in said][-1] == "built ops_cpu"
    assert torch.ops.kaokore_test.twice(torch.arange(3.0)).tolist() == [0, 2, 4]
    said.clear()
    assert str(load("auto")) == "compiled ops: ops_cpu"
    assert said == []


def test_a_library_that_computes_something_else_is_refused(load, said, tmp_path, needs_compiler):
    wrong_warp(tmp_path / "csrc")
    assert load("auto") == LoadedOps()
    assert said[1].startswith(
        "warning: ops_cpu: built, but it does not agree with the plain bodies. Plain PyTorch does"
    )
    assert said[2].startswith("  | warp turned: differs by forward ")
    assert not any(str(tmp_path) in path for path in torch.ops.loaded_libraries)


def test_without_a_compiler_one_line_says_what_it_costs_and_how_to_mend_it(load, said, tmp_path):
    twice(tmp_path / "csrc")
    assert load("auto", **without_compilers(tmp_path)) == LoadedOps()
    (line,) = said
    assert line.startswith("warning: compiled ops: no C++ compiler (g++: not found on the PATH; ")
    assert "Install one, for example: apt install g++." in line
    assert "Plain PyTorch does the work of ops_cpu: same results within rounding, but a training iteration" in line
    assert line.endswith("More: python -m torch_utils.ops.doctor. To silence this: --ops reference.")


def test_a_broken_compiler_is_one_warning_with_its_last_lines(load, said, tmp_path):
    twice(tmp_path / "csrc")
    broken = compiler(tmp_path / "broken/g++", when_compiling="echo 'twice.cpp:1: error: cannot'; exit 1")
    assert load("auto", CXX=str(broken)) == LoadedOps()
    assert said[1].startswith("warning: ops_cpu: not built, the compiler failed. Its last lines follow. Plain PyTorch")
    assert said[2:] == ["  | twice.cpp:1: error: cannot"]


def test_a_cache_that_cannot_be_written_is_one_warning(load, said, tmp_path, monkeypatch, needs_compiler):
    answer(tmp_path / "csrc")
    (tmp_path / "file").touch()
    monkeypatch.setattr(native, "cache_folders", lambda environment: [tmp_path / "file/ops"])
    assert load("auto") == LoadedOps()
    (line,) = said
    assert line.startswith(
        f"warning: {tmp_path}/file/ops: could not be written (Not a directory). Choose another place."
    )


def test_cuda_on_a_cpu_is_an_error(load):
    with pytest.raises(
        ConfigError, match="--ops cuda: this runs on the cpu, where CUDA ops are of no use. Use --ops auto"
    ):
        load("cuda")


def test_cuda_without_cuda_sources_is_an_error(load, tmp_path):
    twice(tmp_path / "csrc")
    with pytest.raises(BuildError, match="--ops cuda: there are no CUDA sources in .*csrc. Use --ops auto."):
        load("cuda", CUDA)


@pytest.fixture
def cuda_sources(tmp_path):
    (tmp_path / "csrc").mkdir()
    for name in ("bias_act", "filtered_lrelu"):
        (tmp_path / "csrc" / f"{name}.cu").write_text("// nothing\n")


@pytest.mark.parametrize(
    ("missing", "release", "reason"),
    [
        ("include/nv/target", "13.0", "include/nv/target is missing .pip package nvidia-cuda-cccl."),
        (None, "12.8", "bin/nvcc is of CUDA 12.8, torch of 13.0"),
    ],
)
def test_a_toolkit_that_will_not_do_is_one_warning_and_with_ops_cuda_an_error(
    load, said, toolkits, cuda_sources, needs_compiler, missing, release, reason
):
    folder = toolkit(toolkits / "cuda", release=release)
    if missing:
        (folder / missing).unlink()
    with pytest.raises(
        BuildError, match=f"--ops cuda: compiled ops: no complete CUDA toolkit .*{reason}.*Get one: pip"
    ):
        load("cuda", CUDA)
    assert said == []
    assert load("auto", CUDA) == LoadedOps()
    (line,) = said
    assert line.startswith("warning: compiled ops: no complete CUDA toolkit") and line.count("Get one: ") == 1
    assert "Plain PyTorch does the work of ops_cuda, ops_cuda_filtered_lrelu: " in line


def test_an_nvcc_that_fails_is_an_error_with_ops_cuda_after_its_last_lines(load, said, toolkits, cuda_sources):
    toolkit(toolkits / "cuda")
    with pytest.raises(
        BuildError, match="^--ops cuda: ops_cuda: not built, the compiler failed. .* ops_cuda_filtered_lrelu"
    ):
        load("cuda", CUDA)
    assert said.count("  | nvcc fatal: pretended") == 2


def test_a_failure_is_said_again_at_once_and_ops_cuda_tries_again(load, said, toolkits, cuda_sources, tmp_path):
    nvcc = toolkit(toolkits / "cuda") / "bin/nvcc"
    nvcc.write_text(nvcc.read_text().replace("*) echo", f"*) echo x >> {tmp_path}/compiled; echo"))
    assert load("auto", CUDA) == LoadedOps()
    warning = [line for line in said if not line.startswith("building ")]
    said.clear()
    assert load("auto", CUDA) == LoadedOps()
    assert said == warning and (tmp_path / "compiled").read_text() == "x\nx\n"
    with pytest.raises(BuildError, match="--ops cuda: ops_cuda: not built"):
        load("cuda", CUDA)
    assert (tmp_path / "compiled").read_text() == "x\nx\nx\nx\n"


def test_a_file_that_is_no_library_is_an_error_when_loaded(tmp_path):
    (tmp_path / "library.so").write_text("nothing of the kind\n" * 100)
    with pytest.raises(BuildError, match="ops_cpu: built, but it cannot be loaded .*invalid ELF header"):
        load_library(answer(tmp_path), tmp_path / "library.so")


def test_an_interruption_ends_every_build(tmp_path):
    slow = compiler(tmp_path / "slow/g++", when_compiling="sleep 60")
    found = find_toolchain(cuda=False)
    host = HostCompiler((str(slow),), "pretended 12.2.0")
    builder = Builder(
        toolchain=Toolchain(host, None, found.ninja, found.torch_folder), folders=[tmp_path / "cache"], say=print
    )
    wanted = [answer(tmp_path / name, value) for value, name in enumerate(("a", "b"))]
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            build_all(builder, wanted)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - began < 5
    assert not list((tmp_path / "cache").glob(".*"))


def interrupt(*_) -> None:
    raise KeyboardInterrupt
