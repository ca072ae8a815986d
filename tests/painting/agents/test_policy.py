"""What agents are shown: pictures at their size, where a pixel lies, how far the painting has come."""

import torch
from torch.testing import assert_close

from painting.agents.policy import coordinates, is_mark, plane, seen
from painting.brushes import BRUSHES


def test_how_far_a_painting_has_come():
    assert_close(plane(torch.tensor([0.0, 3.0]), 4, 2), torch.tensor([0, 0.75])[:, None, None, None].expand(2, 1, 2, 2))


def test_the_first_coordinate_is_the_row():
    rows, columns = coordinates(3)[0]
    assert rows.tolist() == [[-1] * 3, [0] * 3, [1] * 3]
    assert torch.equal(columns, rows.T)


def test_pictures_are_averaged_not_picked_from():
    stripes = torch.tensor([0.0, 1.0]).repeat(32).expand(1, 3, 48, 64)
    shown = seen(stripes, 16)
    assert shown.shape == (1, 3, 16, 16)
    assert_close(shown[..., 1:-1], torch.full((1, 3, 16, 14), 0.5), atol=0.02, rtol=0)


def test_opacity_at_one_end_makes_a_mark():
    strokes = torch.full((3, 13), 0.5)
    strokes[0, 8:10] = 0
    strokes[1, 8] = 0
    assert is_mark(BRUSHES["bezier"], strokes).tolist() == [False, True, True]


def test_a_picture_is_averaged_when_it_is_made_smaller():
    fine = ((torch.arange(64) + 1) // 2 % 2).float().expand(1, 3, 64, 64)  # at the middles of larger pixels it is all 1
    assert (seen(fine, 16) - 0.5).abs().max() < 0.1
