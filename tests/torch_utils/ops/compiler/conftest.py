"""A real toolchain, and a builder whose cache and messages belong to one test."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.host_compiler import HostCompiler
from torch_utils.ops.compiler.toolchain import Toolchain, find_toolchain


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """This machine's C++ compiler and ninja; skips, counted, where there is none."""
    found = find_toolchain(cuda=False)
    if (reason := found.missing(cuda=False)) is not None:
        pytest.skip(reason)
    return found


@pytest.fixture
def said() -> list[str]:
    """What a builder said, line by line."""
    return []


@pytest.fixture
def builder(tmp_path, toolchain, said) -> Builder:
    """Builds into a cache of this test's own."""
    return Builder(toolchain=toolchain, folders=[tmp_path / "cache"], say=said.append)


@pytest.fixture
def builder_with(builder) -> Callable[[Path], Builder]:
    """The same with another C++ compiler."""

    def make(compiler: Path) -> Builder:
        host = HostCompiler((str(compiler),), "pretended 12.2.0")
        return replace(builder, toolchain=replace(builder.toolchain, host=host))

    return make
