import math

import torch

from training.augment.draws import Draws
from training.augment.geometry import Geometry

COUNT = 4000
STILL = {"scale_std": 0.0, "turn_before": 0.0, "stretch_std": 0.0, "turn_after": 0.0, "shift_std": 0.0}


def matrices(p: float, **changed: float) -> torch.Tensor:
    family = Geometry(**{**STILL, **changed})
    return family.draw(COUNT, (32, 64), p, Draws(torch.Generator().manual_seed(1)))


def angles(drawn: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]))


def test_the_logarithm_of_the_scale_has_the_stated_deviation():
    scale = matrices(1.0, scale_std=0.2)
    assert torch.equal(scale[:, 0, 0], scale[:, 1, 1])
    assert abs(scale[:, 0, 0].log2().std() - 0.2) < 0.01
    assert abs(scale[:, 0, 0].log2().mean()) < 0.01


def test_stretching_keeps_the_area():
    stretch = matrices(1.0, stretch_std=0.2)
    torch.testing.assert_close(stretch[:, 0, 0] * stretch[:, 1, 1], torch.ones(COUNT))
    assert abs(stretch[:, 0, 0].log2().std() - 0.2) < 0.01


def test_rotation_goes_round_evenly():
    turned = angles(matrices(1.0, turn_before=180.0))
    assert abs(turned.mean()) < 5
    assert abs(turned.std() - 360 / math.sqrt(12)) < 3


def test_a_picture_is_rotated_at_all_with_probability_p():
    for p in (0.3, 0.8):
        turned = angles(matrices(p, turn_before=180.0, turn_after=180.0)) != 0
        assert abs(turned.float().mean() - p) < 0.03


def test_shifts_have_the_stated_deviation_in_each_direction():
    shifts = matrices(1.0, shift_std=0.125)[:, :2, 2]
    torch.testing.assert_close(shifts.std(0), torch.tensor([8.0, 4.0]), rtol=0.05, atol=0)


def test_a_limited_rotation_stays_within_its_limit():
    turned = angles(matrices(1.0, turn_before=10.0))
    assert 9 < turned.abs().max() <= 10.001


def test_nothing_is_drawn_at_p_0():
    drawn = Geometry().draw(COUNT, (32, 32), 0.0, Draws(torch.Generator()))
    assert torch.equal(drawn, torch.eye(3).expand(COUNT, 3, 3))
