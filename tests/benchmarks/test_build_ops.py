from dataclasses import replace

import pytest
import torch

from benchmarks.build_ops import measure
from tests.support.toolchains import answer
from torch_utils.ops.compiler.toolchain import find_toolchain
from torch_utils.ops.native import builder_for


def test_every_round_builds_anew(tmp_path):
    toolchain = find_toolchain(cuda=False)
    if (reason := toolchain.missing(cuda=False)) is not None:
        pytest.skip(reason)
    said: list[str] = []
    builder = replace(builder_for(toolchain, torch.device("cpu"), said.append), trial=None)
    (row,) = measure(builder, [(answer(tmp_path), "")], 2, 0.0)
    assert sum(line.startswith("built ops_cpu") for line in said) == 2
    assert 0 < row["least_s"] == min(row["seconds"]) and len(row["load_before"]) == 2
    assert min(row["processor_s"]) > 0
