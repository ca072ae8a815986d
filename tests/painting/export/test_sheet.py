"""The sequence sheet."""

import numpy as np
from torch.testing import assert_close

from painting.export.sheet import CELL, GAP, counts, sheet
from painting.strokes import Header, StrokeSet
from tests.support.painted import random_strokes

PAINTING = StrokeSet(Header(brush="bezier", height=32, width=32), random_strokes(20, 13))


def test_the_reference_is_large_and_on_the_left():
    reference = np.full((50, 50, 3), (200, 30, 40), np.uint8)
    page = sheet(PAINTING, reference)
    side = 2 * CELL + GAP
    assert page.shape == (side, side + GAP + 5 * (CELL + GAP) - GAP, 3)
    assert (page[:, :side] == (200, 30, 40)).all()


def test_the_last_canvas_is_the_painting():
    page = sheet(PAINTING, None)
    assert page.shape == (2 * CELL + GAP, 5 * (CELL + GAP) - GAP, 3)
    last = (PAINTING.paint(PAINTING.header.canvas.scaled(CELL)).permute(1, 2, 0).numpy() * 255).round()
    assert_close(page[-CELL:, -CELL:].astype(np.float32), last, atol=1.0, rtol=0)


def test_canvases_never_lose_strokes():
    for strokes in (1, 3, 10, 40, 100, 600):
        found = counts(strokes)
        assert found == sorted(found)
        assert found[0] >= 1
        assert found[-1] == strokes
    assert len(set(counts(40))) == 10
