"""What is timed against each other computes the same."""

import pytest
import torch
from torch.testing import assert_close

from benchmarks.op_calls import bias_act_both, bias_act_forward, epilogue_both, warp_calls
from torch_utils.ops.native import load_ops


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    """Where there is a compiler."""
    load_ops("auto", torch.device("cpu"), print)


@pytest.mark.parametrize("clamp", [None, 0.5])
@pytest.mark.parametrize("calls", [bias_act_forward, bias_act_both])
def test_bias_act_is_timed_against_its_equal(calls, clamp):
    x = torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    plain = calls(x, clamp, compiled=False)()
    torch.manual_seed(0)
    compiled = calls(x, clamp, compiled=True)()
    assert_close(compiled if calls is bias_act_forward else compiled[1], plain)


def test_the_epilogue_is_timed_against_its_equal():
    x = torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    plain = epilogue_both(x, compiled=False)()
    torch.manual_seed(0)
    assert_close(epilogue_both(x, compiled=True)(), plain)


def test_warps_are_timed_against_their_equals():
    _, calls = warp_calls()
    for plain, compiled in calls.values():
        assert_close(compiled(), plain(), rtol=1e-3, atol=1e-3)
