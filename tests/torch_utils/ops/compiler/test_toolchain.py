import sys
from dataclasses import replace
from pathlib import Path

from tests.support.toolchains import compiler, script, without_compilers
from torch_utils.ops.compiler import toolchain as module
from torch_utils.ops.compiler.toolchain import find_toolchain


def test_without_compilers_each_place_that_was_looked_at_is_named(tmp_path):
    found = find_toolchain(cuda=False, environment=without_compilers(tmp_path))
    reasons = "; ".join(f"{name}: not found on the PATH" for name in ("g++", "c++", "clang++"))
    assert found.missing(cuda=False) == f"no C++ compiler ({reasons}). Install one, for example: apt install g++"


def test_a_toolkit_is_looked_for_when_it_is_asked_for_alone(tmp_path):
    environment = without_compilers(tmp_path, CUDA_HOME=str(tmp_path / "none"))
    assert find_toolchain(cuda=False, environment=environment).rejected_toolkits == ()
    found = find_toolchain(cuda=True, environment=environment)
    assert found.cuda is not None or any("CUDA" in item.candidate for item in found.rejected_toolkits)


def test_ninja_comes_from_pip_or_else_from_the_path(tmp_path, monkeypatch):
    environment = without_compilers(tmp_path)
    ninja = script(tmp_path / "empty/ninja", "exit 0")
    pips = find_toolchain(cuda=False, environment=environment).ninja
    assert pips is not None and pips.exists() and pips != ninja
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert find_toolchain(cuda=False, environment=environment).ninja == ninja
    ninja.unlink()
    assert find_toolchain(cuda=False, environment=environment).ninja is None


def test_a_torch_without_headers_and_another_system_are_told(tmp_path, monkeypatch):
    compiler(tmp_path / "empty/g++", when_compiling="exit 1")
    found = find_toolchain(cuda=False, environment=without_compilers(tmp_path))
    assert found.missing(cuda=False) is None
    bare = replace(found, torch_folder=Path("/absent"))
    assert bare.missing(cuda=False) == (
        "torch was installed without its headers (torch/csrc/stable/library.h). Install torch from pip"
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    assert found.missing(cuda=False) == "compiled ops are built on Linux alone, this is darwin"
