"""CUDA compiled for real, without a GPU, by nothing but pip's packages and g++."""

from dataclasses import replace

import pytest
import torch

from tests.support.toolchains import twice_on_cuda
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.cuda_toolkit import find_cuda_toolkit
from torch_utils.ops.compiler.flags import ARCHITECTURES
from torch_utils.ops.compiler.toolchain import CUDA_REMEDY
from torch_utils.ops.trial import in_a_process_of_its_own

pytestmark = pytest.mark.slow


@pytest.fixture
def cuda_builder(builder, tmp_path) -> Builder:
    """Builds with pip's toolkit alone; skips, counted, where it is not installed."""
    toolkit, rejected = find_cuda_toolkit(torch.version.cuda, {"PATH": ""}, system=tmp_path)
    if toolkit is None:
        pytest.skip(f"no CUDA compiler from pip ({'; '.join(map(str, rejected))}). Get one: {CUDA_REMEDY}")
    return replace(builder, toolchain=replace(builder.toolchain, cuda=toolkit))


@pytest.mark.parametrize("architecture", ["80", "90", "100"])
def test_a_library_for_one_card_builds_and_loads_where_there_is_none(cuda_builder, tmp_path, architecture):
    builder = replace(cuda_builder, architectures=(architecture,), trial=in_a_process_of_its_own)
    path = builder.build(twice_on_cuda(tmp_path))  # the trial loads it, and raises where it cannot
    assert f"code=sm_{architecture}" in (path.parent / "build.log").read_text()


def test_one_library_for_every_card_and_those_to_come_builds(cuda_builder, tmp_path):
    path = replace(cuda_builder, architectures=ARCHITECTURES, portable=True).build(twice_on_cuda(tmp_path))
    assert path.exists()
