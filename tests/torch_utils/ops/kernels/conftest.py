"""Every test here runs twice: with the kernels emulated on the CPU, and on the GPU where there is one."""

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


@pytest.fixture(scope="session", params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def body(request) -> Body:
    """Both bodies in turn."""
    return request.getfixturevalue(f"{request.param}_body")
