import ctypes
from dataclasses import replace
from pathlib import Path

from tests.support.toolchains import answer, toolkit
from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.ninja_file import build_files


def test_paths_with_spaces_dollars_colons_and_quotes_build(tmp_path, builder):
    library = answer(tmp_path / "it's a $HOME: of sources")
    builder = replace(builder, folders=[tmp_path / "cache of $USER: 'mine'"])
    assert ctypes.CDLL(str(builder.build(library))).answer() == 42


def test_every_source_is_an_edge_of_its_own(tmp_path, toolchain):
    library = Library("ops_cpu", (tmp_path / "a.cpp", tmp_path / "b.cpp"), ())
    lines = build_files(library, toolchain, ("-O3",))["build.ninja"].splitlines()
    assert f"build a.cpp.o: compile {tmp_path}/a.cpp" in lines
    assert f"build b.cpp.o: compile {tmp_path}/b.cpp" in lines
    assert "build library.so: link a.cpp.o b.cpp.o" in lines


def test_cuda_sources_that_go_together_are_one_edge(tmp_path, toolchain):
    folder = toolkit(tmp_path / "cu13")
    cuda = CudaToolkit("test", folder / "bin/nvcc", "13", (), folder / "lib/libcudart.so.13", ("90",))
    names = ("bias_act", "upfirdn2d", "warp", "another")
    library = Library("ops_cuda", tuple(tmp_path / f"{name}.cu" for name in names), ())
    files = build_files(library, replace(toolchain, cuda=cuda), ())
    lines = files["build.ninja"].splitlines()
    assert files["bias_act-warp.cu"] == '#include "bias_act.cu"\n#include "warp.cu"\n'
    assert "build bias_act-warp.cu.o: compile bias_act-warp.cu" in lines
    assert f"build upfirdn2d.cu.o: compile {tmp_path}/upfirdn2d.cu" in lines
    assert "build library.so: link bias_act-warp.cu.o upfirdn2d.cu.o another.cu.o" in lines


def test_cuda_is_compiled_by_nvcc_and_linked_with_the_versioned_runtime(tmp_path, toolchain):
    folder = toolkit(tmp_path / "cu13")
    cuda = CudaToolkit(
        "test", folder / "bin/nvcc", "13", (folder / "include",), folder / "lib/libcudart.so.13", ("90",)
    )
    library = Library("ops_cuda", (Path("a.cu"),), ())
    text = build_files(library, replace(toolchain, cuda=cuda), ("-DUSE_CUDA",))["build.ninja"]
    compiling, linking = (line for line in text.splitlines() if line.startswith("  command = "))
    assert compiling.startswith(
        f"  command = {folder}/bin/nvcc -ccbin {toolchain.host.program} -DUSE_CUDA -I . -isystem "
    )
    assert f"-isystem {folder}/include -c $in -o $out" in compiling
    assert linking.endswith(f"-ltorch_cuda -L {folder}/lib -l:libcudart.so.13 -Wl,-rpath,{folder}/lib")
    assert "-Wl,--no-undefined" in linking and " $in -o $out" in linking
