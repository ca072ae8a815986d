"""A compiled op gives back whatever it takes: thousands of calls hold no more memory than one."""

import ctypes

import pytest
import torch

from torch_utils.ops.cases import CASES, Pictures

CALLS = 2000


class MallInfo(ctypes.Structure):
    """glibc's account of its heap; `uordblks` are the bytes in use."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def bytes_in_use() -> int:
    """Of this process's heap."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        pytest.skip("no mallinfo2 in this C library")
    library.mallinfo2.restype = MallInfo
    return library.mallinfo2().uordblks


@pytest.mark.parametrize("case", {case.op: case for case in CASES}.values(), ids=str)
def test_thousands_of_calls_hold_no_memory(case):
    arguments, op = case.arguments(Pictures(size=8)), case.overload
    with torch.no_grad():
        for _ in range(100):
            op(*arguments)
        before = bytes_in_use()
        for _ in range(CALLS):
            op(*arguments)
        after = bytes_in_use()
    assert (after - before) / CALLS < 4  # torch's conversion of strings took 48
