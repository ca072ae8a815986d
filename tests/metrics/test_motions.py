"""Moves: directions, what is compared, and how exact the resampling is."""

import math

import pytest
import torch
from torch.testing import assert_close

from metrics.disc_filter import REACH, disc_taps
from metrics.motions import Motion, Rotation, Shift, WholeShift
from networks.interface import Noise
from tests.support.moved_pictures import NUM_WAVES, Waves

ALL = [WholeShift(3, -2), Shift(2.3, -1.7), Rotation(0.6)]


def both(motion: Motion, waves: Waves) -> tuple[torch.Tensor, torch.Tensor]:
    """The still picture moved by resampling, and the moved waves."""
    ws = torch.randn(2, 1, NUM_WAVES, generator=torch.Generator().manual_seed(0))
    still = waves.synthesis(ws, Noise())
    with waves.transformed(motion.matrix(waves.image_spec.resolution)):
        return motion.pair(still, waves.synthesis(ws, Noise()))


def spot(row: int, column: int, size: int = 32) -> torch.Tensor:
    picture = torch.zeros(1, 1, size, size)
    picture[..., row, column] = 1
    return picture


def test_a_shift_moves_to_the_right_and_down():
    resampled, there = WholeShift(3, -2).pair(spot(10, 4), spot(8, 7))
    assert_close(resampled, there)
    assert there.sum() == 1


def test_a_quarter_turn_takes_the_right_to_the_top():
    turn = Rotation(math.pi / 2)
    resampled, there = turn.pair(spot(15, 20), spot(11, 15))  # 4.5 right of the middle; 4.5 above it
    assert_close(resampled, there)
    assert there.sum() > 0.9
    assert_close(turn.matrix(32) @ torch.tensor([1.0, 0, 1]), torch.tensor([0.0, -1, 1]))


@pytest.mark.parametrize("motion", ALL)
def test_the_matrix_of_a_generator_does_what_the_resampling_does(motion):
    resampled, drawn = both(motion, Waves())
    assert (resampled - drawn).abs().max() < 0.01 < resampled.std() / 10


def test_a_shift_by_parts_of_a_pixel_that_is_whole_is_the_whole_one():
    still, moved = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    inner = WholeShift(2, -1).pair(still, moved)[0].unflatten(2, (15, 14))[:, :, 1:12, 2:13]
    resampled = Shift(2.0, -1.0).pair(still, moved)[0]
    assert_close(resampled, inner.flatten(2))


def test_flat_areas_stay_flat():
    for motion in ALL:
        resampled, smooth = motion.pair(torch.full((1, 1, 32, 32), 0.7), torch.full((1, 1, 32, 32), 0.7))
        assert_close(resampled, torch.full_like(resampled, 0.7), atol=1e-7, rtol=0)
        assert_close(smooth, torch.full_like(smooth, 0.7), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("motion", "pixels"),
    [
        (WholeShift(4, -4), 28 * 28),
        (Shift(3.2, -3.2), 26 * 26),
        (Rotation(0.0), (32 - 2 * (REACH - 1)) ** 2),
    ],
)
def test_only_pixels_whose_filter_is_inside_are_compared(motion, pixels):
    resampled, smooth = motion.pair(torch.zeros(2, 3, 32, 32), torch.zeros(2, 3, 32, 32))
    assert resampled.shape == smooth.shape == (2, 3, pixels)


@pytest.mark.parametrize("motion", ALL)
def test_what_is_compared_does_not_depend_on_anything_beyond_the_edge(motion):
    """A picture cut out of a larger one gives what the larger one gives there."""
    large = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    small = large[:, :, 16:48, 16:48]
    of_small, of_large = motion.pair(small, small), motion.pair(large, large)
    for cut, whole in zip(of_small, of_large, strict=True):
        assert torch.isin(cut.round(decimals=9), whole.round(decimals=9)).all()


def test_pixels_near_the_corners_are_left_out_at_45_degrees():
    few = Rotation(math.pi / 4).pair(spot(0, 0), spot(0, 0))[0]
    many = Rotation(0.0).pair(spot(0, 0), spot(0, 0))[0]
    assert 0 < few.shape[2] < many.shape[2]


def test_both_pictures_are_filtered_alike_where_nothing_turns():
    picture = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    resampled, smooth = Rotation(0.0).pair(picture, picture)
    assert_close(resampled, smooth, atol=1e-12, rtol=0)
    assert_close(smooth[0, 0, 0], (picture[0, 0, :15, :15].double() * disc_taps()).sum())


@pytest.mark.parametrize("angle", [0.1, 0.6, math.pi / 4, 3.0])
def test_waves_up_to_the_limit_of_the_grid_turn_exactly(angle):
    resampled, drawn = both(Rotation(angle), Waves(64, highest=0.5))
    error = (resampled - drawn).square().mean()
    assert 10 * math.log10(4 / error) > 75
