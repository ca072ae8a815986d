"""Many canvases at once agree with one at a time."""

import torch
from torch.testing import assert_close

from painting import raster
from painting.agents import easel
from painting.brushes import BRUSHES
from painting.canvas import Canvas
from tests.support.painted import random_strokes

CANVAS = Canvas(32, 48)


def test_opacities_are_those_of_windows():
    for brush in BRUSHES.values():
        strokes = random_strokes(40, len(brush.columns), seed=1)
        assert_close(
            easel.opacities(brush, strokes, CANVAS),
            raster.whole_canvas(*raster.opacities(brush, strokes, CANVAS), CANVAS),
            atol=2e-4,
            rtol=0,
        )


def test_strokes_on_each_canvas_are_those_of_the_rasteriser():
    brush, canvases = BRUSHES["bezier"], torch.rand(3, 3, 32, 48)
    strokes = random_strokes(15, 13).reshape(3, 5, 13).requires_grad_()
    painted = easel.laid(brush, strokes, canvases)
    for own, canvas, result in zip(strokes, canvases, painted, strict=True):
        assert_close(result, raster.paint(brush, own, canvas, CANVAS)[0], atol=2e-4, rtol=0)
    (slope,) = torch.autograd.grad(painted.sum(), strokes)
    assert slope.abs().amin((0, 1)).min() >= 0
    assert (slope.abs().sum((0, 1)) > 0).all()  # every column of some stroke matters


def test_strokes_without_opacity_change_nothing():
    strokes = random_strokes(10, 13).reshape(2, 5, 13)
    strokes[..., 8:10] = 0
    canvases = torch.rand(2, 3, 32, 48)
    assert torch.equal(easel.laid(BRUSHES["bezier"], strokes, canvases), canvases)
