"""CUDA compiled for real, without a GPU, by nothing but pip's packages and g++."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.toolchains import twice_on_cuda
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.cache import cache_folders
from torch_utils.ops.compiler.cuda_toolkit import find_cuda_toolkit
from torch_utils.ops.compiler.flags import ARCHITECTURES
from torch_utils.ops.compiler.library import libraries
from torch_utils.ops.compiler.toolchain import CUDA_REMEDY
from torch_utils.ops.trial import in_a_process_of_its_own

# Prints which ops have no body for CUDA once the libraries of argv are loaded.
LOAD = """
import sys, torch
from torch_utils.ops.cases import CASES
from torch_utils.ops.plain import compiled_ops
for path in sys.argv[1:]:
    torch.ops.load_library(path)
names = {case.op for case in CASES}
print(sorted(names - set(compiled_ops("cuda", sorted(names)))))
"""
CPU_ALONE = ["kaokore::conv3x3", "kaokore::conv3x3_weight"]  # cuDNN has as much to offer


@pytest.fixture
def cuda_builder(builder, tmp_path) -> Builder:
    """Builds with pip's toolkit alone, no other to be seen; skips, counted, where it is not installed."""
    toolkit, rejected = find_cuda_toolkit(torch.version.cuda, {"PATH": ""}, system=tmp_path)
    if toolkit is None:
        pytest.skip(f"no CUDA compiler from pip ({'; '.join(map(str, rejected))}). Get one: {CUDA_REMEDY}")
    folders = [folder for folder in os.environ["PATH"].split(":") if not Path(folder, "nvcc").exists()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA", "NVCC"))}
    environment = {**kept, "PATH": ":".join(folders)}
    return replace(builder, toolchain=replace(builder.toolchain, cuda=toolkit), environment=environment)


@pytest.fixture
def all_of_ours(cuda_builder) -> Callable[..., list[Path]]:
    """Build our CUDA libraries for one card."""

    def build(architecture: str, **changes) -> list[Path]:
        builder = replace(cuda_builder, architectures=(architecture,), **changes)
        return [builder.build(library) for library in libraries(cuda=True) if library.cuda]

    return build


def assert_every_op_is_there(paths: list[Path], repository: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOAD, *paths], cwd=repository, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{CPU_ALONE}\n"), done.stderr


def test_our_ops_build_for_a_card_and_load_where_there_is_none(all_of_ours, repository):
    assert_every_op_is_there(all_of_ours("90", folders=cache_folders()), repository)  # once a change of the sources


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["80", "90", "100"])
def test_our_ops_build_from_an_empty_cache(all_of_ours, architecture, repository):
    paths = all_of_ours(architecture)
    assert_every_op_is_there(paths, repository)
    for path in paths:
        assert f"code=sm_{architecture}" in (path.parent / "build.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["80", "90", "100"])
def test_a_library_for_one_card_builds_and_loads_where_there_is_none(cuda_builder, tmp_path, architecture):
    builder = replace(cuda_builder, architectures=(architecture,), trial=in_a_process_of_its_own)
    path = builder.build(twice_on_cuda(tmp_path))  # the trial loads it, and raises where it cannot
    assert f"code=sm_{architecture}" in (path.parent / "build.log").read_text()


@pytest.mark.slow
def test_one_library_for_every_card_and_those_to_come_builds(cuda_builder, tmp_path):
    path = replace(cuda_builder, architectures=ARCHITECTURES, portable=True).build(twice_on_cuda(tmp_path))
    assert path.exists()
