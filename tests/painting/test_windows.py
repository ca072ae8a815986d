"""Windows hold their strokes, lie on the canvas, and come in few sizes."""

import pytest
import torch

from painting.canvas import Canvas
from painting.curves import points_at
from painting.windows import bounds, group_by_size, in_order


def curves(count, canvas, outside=0.0):
    sides = torch.tensor([canvas.height, canvas.width])
    spread = torch.rand(count, 3, 2, generator=torch.Generator().manual_seed(2))
    return (spread * (1 + 2 * outside) - outside) * sides


def test_bounds_are_those_of_the_curve():
    points = curves(50, Canvas(64, 48))
    low, high = bounds(points)
    on_curve = points_at(points, torch.linspace(0, 1, 2001))
    torch.testing.assert_close(low, on_curve.amin(1), atol=1e-2, rtol=0)
    torch.testing.assert_close(high, on_curve.amax(1), atol=1e-2, rtol=0)


@pytest.mark.parametrize("canvas", [Canvas(32, 32), Canvas(100, 150), Canvas(700, 512)])
def test_a_window_holds_what_its_stroke_can_reach_of_the_canvas(canvas):
    points, reach = curves(60, canvas, outside=0.3), torch.linspace(0.6, canvas.unit / 4, 60)
    groups = group_by_size(points, reach, canvas)
    assert [stroke for stroke, _, _ in in_order(groups)] == list(range(60))
    low, high = bounds(points)
    corner = torch.tensor([canvas.height, canvas.width])
    for group in groups:
        size = torch.tensor([group.height, group.width])
        assert (group.origin >= 0).all()
        assert (group.origin + size <= corner).all()
        first = (low - reach[:, None])[group.strokes].clamp(torch.zeros(2), corner)
        last = (high + reach[:, None])[group.strokes].clamp(torch.zeros(2), corner)
        assert (group.origin <= first).all()
        assert (group.origin + size >= last).all()


def test_small_canvases_have_few_groups():
    assert len(group_by_size(curves(100, Canvas(32, 32)), torch.ones(100), Canvas(32, 32))) <= 2


def test_no_stroke_has_no_window():
    assert group_by_size(torch.zeros(0, 3, 2), torch.zeros(0), Canvas(32, 32)) == []
