import shutil

import pytest
import torch

from benchmarks import cuda_registers
from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit, find_cuda_toolkit
from torch_utils.ops.compiler.flags import ARCHITECTURES
from torch_utils.ops.compiler.library import SOURCES

SAID = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN7kaokore4warpIfEEvPKT_i' for 'sm_80'
ptxas info    : Function properties for _ZN7kaokore4warpIfEEvPKT_i
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 44 registers, used 1 barriers, 16 bytes cumulative stack size, 400 bytes cmem[0]
ptxas info    : Compile time = 1.000 ms
ptxas info    : Compiling entry function 'plain_c' for 'sm_80'
ptxas info    : Function properties for plain_c
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers, 360 bytes cmem[0]
"""


@pytest.fixture(scope="session")
def toolkit() -> CudaToolkit:
    found, rejected = find_cuda_toolkit(torch.version.cuda)
    if found is None:
        pytest.skip(f"no complete CUDA toolkit: {'; '.join(map(str, rejected))}")
    return found


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="no c++filt")
def test_the_words_of_ptxas_are_understood():
    first, second = cuda_registers.kernels_in(SAID)
    assert first == cuda_registers.Kernel("warp<float>", registers=44, spilled=20, stack=16)
    assert second == cuda_registers.Kernel("plain_c", registers=8, spilled=0, stack=0)


def test_a_kernel_file_compiles_for_one_architecture_without_spilling(toolkit):
    kernels, seconds = cuda_registers.compile_for(SOURCES / "warp.cu", "80", toolkit)
    assert len(kernels) == 8  # there and back, in four types
    assert all(kernel.registers > 0 and kernel.spilled == 0 for kernel in kernels)
    assert seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_for_every_architecture_without_spilling(toolkit, architecture):
    for row in cuda_registers.measure(sorted(SOURCES.glob("*.cu")), [architecture], toolkit):
        assert row["spilling"] == {}, f"{row['file']} for {row['architecture']}"
