import pytest

from torch_utils.errors import ConfigError
from training.growth import GrowthConfig

PAPER = GrowthConfig(progressive=True)


@pytest.mark.parametrize(
    ("kimg", "lod"),
    [(0, 5), (600, 5), (900, 4.5), (1200, 4), (1800, 4), (2100, 3.5), (5400, 1), (5700, 0.5), (6000, 0), (25000, 0)],
)
def test_256_pixels_grow_as_in_the_paper(kimg, lod):
    assert PAPER.lod(256, kimg * 1000) == pytest.approx(lod)


def test_1024_pixels_are_whole_after_8400_kimg():
    assert PAPER.lod(1024, 8_399_000) > 0 == PAPER.lod(1024, 8_400_000)


def test_fades_and_stable_times_may_differ():
    growth = GrowthConfig(progressive=True, stable_kimg=1.0, fade_kimg=4.0)
    assert [growth.lod(16, seen) for seen in (0, 1000, 2000, 4000, 5000)] == [1, 1, 0.75, 0.25, 0]
    assert [growth.lod(32, seen) for seen in (5000, 6000, 8000, 10000)] == [1, 1, 0.5, 0]


def test_without_growing_all_blocks_take_part_from_the_start():
    assert GrowthConfig().lod(256, 0) == 0


def test_pictures_no_larger_than_the_first_resolution_do_not_grow():
    assert PAPER.lod(8, 0) == 0


def test_batches_beyond_the_list_are_the_schedules_and_rates_keep_the_last_factor():
    growth = GrowthConfig(batch_sizes=(64, 32), lr_factors=(1.0, 2.0))
    assert [growth.batch_size(size) for size in (4, 8, 16)] == [64, 32, None]
    assert [growth.lr_factor(size) for size in (4, 8, 16)] == [1, 2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_resolution": 12}, "growth.first_resolution: 12 is not possible. Use a power of two from 4 on"),
        ({"fade_kimg": 0.0}, "growth.fade_kimg: 0.0 is not possible"),
        ({"batch_sizes": (8, 0)}, r"growth.batch_sizes: \[8, 0\] is not possible. Use positive numbers"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        GrowthConfig(**options)
