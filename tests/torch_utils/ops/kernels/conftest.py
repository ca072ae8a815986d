"""Every test here runs in C++, with the CUDA kernels emulated on the CPU, and on a GPU where there is one."""

import contextlib
from pathlib import Path

import pytest
import torch

from tests.support import emulated
from tests.support.twins import Body
from torch_utils.ops.native import load_ops


@pytest.fixture(scope="session")
def emulated_body(request) -> Body:
    """The kernels as g++ compiles them, or those of the library named by --emulated-library."""
    given = request.config.getoption("--emulated-library")
    emulated.load(Path(given) if given else emulated.build())
    return Body("emulated", torch.device("cpu"), emulated.EmulatedBodies)


@pytest.fixture(scope="session")
def cuda_body() -> Body:
    """The kernels as nvcc compiles them."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    load_ops("cuda", torch.device("cuda"), print)
    return Body("cuda", torch.device("cuda"), contextlib.nullcontext)


@pytest.fixture(scope="session")
def cpp_body(request) -> Body:
    """The C++ bodies, or those of the library named by --cpp-library."""
    if given := request.config.getoption("--cpp-library"):
        torch.ops.load_library(given)
    elif request.config.getoption("--plain") or "ops_cpu" not in load_ops("auto", torch.device("cpu"), print).names:
        pytest.skip("no compiled C++ ops here")
    return Body("cpp", torch.device("cpu"), contextlib.nullcontext)


@pytest.fixture(scope="session", params=["cpp", "emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def body(request) -> Body:
    """All bodies in turn."""
    return request.getfixturevalue(f"{request.param}_body")
