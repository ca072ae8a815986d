"""The Bézier region against Learning to Paint's own discs, and what its numbers mean."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from painting import raster
from painting.brushes import BRUSHES
from painting.brushes.discs import stroke_opacity
from painting.canvas import Canvas
from tests.support.painted import random_strokes

BEZIER = BRUSHES["bezier"]


@pytest.fixture(scope="module")
def discs():
    strokes = random_strokes(60, 13, seed=1)
    return strokes, torch.from_numpy(np.stack([stroke_opacity(stroke.numpy(), 128) for stroke in strokes]))


@pytest.mark.parametrize(("order", "most"), [("last", 1.2e-3), ("closest", 4e-3)])
def test_opacities_are_near_those_of_the_discs(discs, order, most):
    """P2: 1.2e-3 for the last disc; what is left is the discs' rounding to whole pixels."""
    strokes, expected = discs
    found = raster.whole_canvas(*raster.opacities(BEZIER, strokes, Canvas(128, 128), order=order), Canvas(128, 128))
    assert (found - expected).pow(2).mean() < most


def test_the_first_number_is_the_row():
    stroke = torch.tensor([[0.1, 0.8, 0.5, 0.5, 0.1, 0.8, 0.2, 0.2, 1.0, 1.0, 0.0, 0.0, 0.0]])
    alpha = raster.whole_canvas(*raster.opacities(BEZIER, stroke, Canvas(40, 40)), Canvas(40, 40))[0]
    rows, columns = (alpha > 0.5).nonzero().double().mean(0)
    assert rows < 10
    assert columns > 29


def test_the_control_point_lies_in_the_box_of_the_ends():
    stroke = torch.tensor([[0.2, 0.6, 0.25, 0.5, 0.6, 0.2, *[0.0] * 7]])
    assert_close(BEZIER.curves(stroke, Canvas(10, 20))[0, 1], torch.tensor([3.0, 8.0]))


def test_opacity_runs_from_the_first_to_the_second():
    stroke = torch.tensor([[0.5, 0.1, 0.5, 0.5, 0.5, 0.9, 0.1, 0.1, 0.2, 1.0, 0.0, 0.0, 0.0]])
    alpha = raster.whole_canvas(*raster.opacities(BEZIER, stroke, Canvas(40, 40)), Canvas(40, 40))[0, 20]
    assert_close(alpha[[4, 20, 35]], torch.tensor([0.21, 0.61, 0.99]), atol=0.02, rtol=0)


def test_encoding_gives_the_curve_back():
    points = torch.tensor([[[0.2, 0.3], [0.4, 0.5], [0.7, 0.6]]])
    stroke = BEZIER.encode(points, torch.tensor([0.1]), torch.tensor([[0.1, 0.2, 0.3]]))
    assert_close(BEZIER.curves(stroke, Canvas(100, 100)), points * 100)
    assert_close(BEZIER.radii(stroke, Canvas(100, 100)), torch.full((1, 2), 10.0))
    assert_close(BEZIER.colours(stroke), torch.tensor([[0.1, 0.2, 0.3]]))


def test_a_line_thinner_than_a_pixel_covers_its_share():
    stroke = torch.tensor([[0.5, 0.1, 0.5, 0.5, 0.5, 0.9, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    alpha = raster.whole_canvas(*raster.opacities(BEZIER, stroke, Canvas(33, 33)), Canvas(33, 33))[0, :, 16]
    assert_close(alpha.sum(), torch.tensor(2 * 33 / 256), atol=1e-4, rtol=0)
