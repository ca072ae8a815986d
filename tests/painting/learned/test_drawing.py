"""Strokes to learn from: the quick ways to draw many against the ones that draw dab after dab."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from painting.brushes import BRUSHES
from painting.brushes.discs import DISCS, _last, _last_by_windows, stroke_opacities, stroke_opacity
from painting.brushes.stamping import POINTS, stamp, stamp_many
from painting.brushes.tools import DRY, INK, PENCIL
from painting.canvas import Canvas
from painting.learned.drawing import draw
from tests.support.painted import random_strokes

CPU = torch.device("cpu")


class Always:
    """A generator for `stamp` whose normal numbers are always the same."""

    def __init__(self, value: float):
        self.value = value

    def normal(self, mean: float, scale: float, size: int) -> np.ndarray:
        return np.full(size, mean + scale * self.value)


@pytest.mark.parametrize("canvas", [Canvas(64, 64), Canvas(40, 96)], ids=str)
@pytest.mark.parametrize("tool", [PENCIL, INK, DRY], ids=lambda tool: tool.name)
def test_strokes_stamped_together_are_those_stamped_one_by_one(tool, canvas):
    strokes = random_strokes(12, 12, seed=1)
    together = stamp_many(tool, strokes, canvas, torch.full((12, POINTS, 2), 0.8))
    alone = np.stack([stamp(tool, stroke.numpy(), canvas, Always(0.8)) for stroke in strokes])  # type: ignore[arg-type]
    assert alone.max() > 0.2
    assert_close(together, torch.from_numpy(alone).float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [16, 33])
def test_discs_drawn_together_are_those_drawn_one_by_one_to_the_bit(side):
    strokes = random_strokes(12, 13, seed=2)
    alone = np.stack([stroke_opacity(stroke.numpy(), side) for stroke in strokes])
    assert np.array_equal(stroke_opacities(strokes, side).numpy(), alone)


def test_both_ways_to_find_the_last_disc_agree():
    generator = torch.Generator().manual_seed(3)
    row, column = torch.randint(0, 48, (2, 4, DISCS), generator=generator)
    radius = torch.randint(0, 14, (4, DISCS), generator=generator)
    assert torch.equal(_last(row, column, radius, 48), _last_by_windows(row, column, radius, 48))


@pytest.mark.parametrize("name", list(BRUSHES))
def test_a_batch_is_a_function_of_seed_and_purpose(name):
    one, again, other = (draw(BRUSHES[name], 4, 24, CPU, 5, "training", step, 0) for step in (7, 7, 8))
    assert torch.equal(one.strokes, again.strokes)
    assert torch.equal(one.opacity, again.opacity)
    assert not torch.equal(one.strokes, other.strokes)
    assert one.opacity.shape == (4, 24, 24)
    assert 0 <= one.opacity.min() < one.opacity.max() <= 1
