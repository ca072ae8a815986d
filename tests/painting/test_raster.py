"""The rasteriser against its plain twin, for every brush, size and order; the bars P1 to P3 of the specification."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close

from painting import plain, raster
from painting.brushes import BRUSHES
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from tests.support.painted import WHITE, random_strokes

BEZIER = BRUSHES["bezier"]


def whole(brush, strokes, canvas, **options):
    return raster.whole_canvas(*raster.opacities(brush, strokes, canvas, **options), canvas)


@pytest.mark.parametrize("canvas", [Canvas(32, 32), Canvas(128, 128), Canvas(60, 93)], ids=str)
@pytest.mark.parametrize("name", list(BRUSHES))
def test_opacities_are_those_of_the_plain_twin(name, canvas):
    brush = BRUSHES[name]
    strokes = random_strokes(12, len(brush.columns), seed=1)
    difference = (whole(brush, strokes, canvas) - plain.opacities(brush, strokes, canvas)).abs()
    assert difference.mean() < 1e-3


def test_a_picture_is_that_of_the_plain_twin():
    strokes = random_strokes(20, 13, seed=2)
    quick = raster.paint(BEZIER, strokes, WHITE, Canvas(64, 64), cap=0.7)[0]
    assert (quick - plain.paint(BEZIER, strokes, WHITE, Canvas(64, 64), cap=0.7)).abs().mean() < 1e-3


def gradient(painter, strokes, weights):
    leaf = strokes.clone().requires_grad_()
    (painter(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def test_gradients_point_where_those_of_the_plain_twin_do():
    """P3: cosine of .98 for geometry, .999 for opacity."""
    canvas, strokes = Canvas(64, 64), random_strokes(24, 13, seed=3)
    weights = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(4))
    quick = gradient(lambda leaf: raster.paint(BEZIER, leaf, WHITE, canvas)[0], strokes, weights)
    slow = gradient(lambda leaf: plain.paint(BEZIER, leaf, WHITE, canvas), strokes, weights)
    parts = {"geometry": slice(0, 8), "opacity": slice(8, 10), "colour": slice(10, 13)}
    found = {name: cosine_similarity(quick[:, c].flatten(), slow[:, c].flatten(), 0) for name, c in parts.items()}
    assert found["geometry"] > 0.98
    assert found["opacity"] > 0.999
    assert found["colour"] > 0.999


@pytest.mark.parametrize("name", list(BRUSHES))
def test_gradients_are_those_of_small_steps(name):
    """Away from the medial axis; the hairs of a brush are a pattern that gradients do not look into."""
    brush = BRUSHES[name]
    if isinstance(brush, Tool):
        brush = replace(brush, dryness=0.0)
    strokes = 0.35 + 0.3 * random_strokes(3, len(brush.columns), seed=6, dtype=torch.float64)
    canvas = Canvas(13, 17)

    def opacities(leaf):
        return tuple(raster.opacities(brush, leaf, canvas)[1])

    assert torch.autograd.gradcheck(opacities, strokes.requires_grad_(), eps=1e-6, atol=1e-4, rtol=1e-3)


def test_a_canvas_twice_as_large_shows_the_same():
    strokes = random_strokes(15, 13, seed=7)
    small = raster.paint(BEZIER, strokes, WHITE, Canvas(64, 64))[0]
    large = raster.paint(BEZIER, strokes, WHITE, Canvas(512, 512))[0]
    shrunk = torch.nn.functional.avg_pool2d(large[None], 8)[0]
    assert (small - shrunk).pow(2).mean() < 2e-4


def test_the_canvas_after_some_strokes_is_that_of_these_strokes_alone():
    strokes = random_strokes(10, 13, seed=8)
    kept = raster.paint(BEZIER, strokes, WHITE, Canvas(32, 40), prefixes=[0, 4, 10])
    assert_close(kept[0], WHITE[:, None, None].expand(3, 32, 40))
    assert_close(kept[1], raster.paint(BEZIER, strokes[:4], WHITE, Canvas(32, 40))[0], atol=1e-6, rtol=0)


def test_no_stroke_covers_more_than_the_cap():
    strokes = random_strokes(10, 13, seed=9)
    assert whole(BEZIER, strokes, Canvas(32, 32), cap=0.3).max() <= 0.3
