import pytest
import torch
from torch import nn
from torch.testing import assert_close

from torch_utils.averages import follow, settling


def test_weights_and_statistics_move_a_share_and_counts_are_taken_over():
    torch.manual_seed(0)
    target, source = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    source(torch.randn(8, 2) + 3)
    with torch.no_grad():
        source.weight.fill_(5)
    follow(target, source, 0.25)
    assert_close(target.get_buffer("running_mean"), source.get_buffer("running_mean") / 4)
    assert_close(target.weight, torch.full((2,), 2.0))
    assert target.num_batches_tracked == source.num_batches_tracked == 1


def test_an_average_moves_faster_at_first():
    assert settling(0.99, 0) == pytest.approx(0.9)
    assert settling(0.99, 10) == pytest.approx(1 - 11 / 20)
    assert settling(0.99, 10_000) == pytest.approx(0.01)
    assert settling(0.0, 0) == settling(0.0, 10_000) == 1.0
