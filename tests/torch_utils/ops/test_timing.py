import time

import pytest
import torch

from torch_utils.ops.timing import milliseconds


def test_the_time_of_a_call_is_told_in_milliseconds():
    assert milliseconds(lambda: time.sleep(0.02), torch.device("cpu")) == pytest.approx(20, rel=0.5)
    assert milliseconds(lambda: None, torch.device("cpu")) < 0.1
