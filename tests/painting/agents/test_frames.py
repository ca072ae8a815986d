"""A stroke in a part of the canvas looks there as it looks on a canvas of that part's size."""

import pytest
import torch
from torch.testing import assert_close

from painting.agents import easel
from painting.agents.frames import framed
from painting.brushes import BRUSHES
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from tests.support.painted import random_strokes


def test_the_whole_canvas_as_a_frame_changes_regions_not():
    strokes = random_strokes(20, 13)
    assert_close(framed(BRUSHES["bezier"], strokes, torch.zeros(2), 1.0), strokes)


@pytest.mark.parametrize("corner", [(0.0, 0.5), (0.5, 0.0), (0.25, 0.25)])
def test_a_region_in_a_quarter_is_the_region_at_half_the_size(corner):
    brush = BRUSHES["bezier"]
    strokes = random_strokes(20, 13, seed=2)
    small = easel.opacities(brush, strokes, Canvas(64, 64))
    large = easel.opacities(brush, framed(brush, strokes, torch.tensor(corner), 0.5), Canvas(128, 128))
    top, left = (int(place * 128) for place in corner)
    difference = (large[:, top : top + 64, left : left + 64] - small).abs()
    assert difference.mean() < 1e-5 and difference.max() < 0.03  # where two parts of a curve are equally near


@pytest.mark.parametrize("name", ["pencil", "ink", "dry"])
def test_a_tools_stroke_ends_at_the_frame_and_is_not_too_thick_for_it(name):
    brush = BRUSHES[name]
    assert isinstance(brush, Tool)
    strokes = framed(brush, random_strokes(50, 12), torch.tensor([0.5, 0.25]), 0.25)
    named = dict(zip(brush.columns, strokes.unbind(1), strict=True))
    for column in ("start", "control", "end"):
        assert named[f"{column}_y"].min() >= 0.5 and named[f"{column}_y"].max() <= 0.75
        assert named[f"{column}_x"].min() >= 0.25 and named[f"{column}_x"].max() <= 0.5
    assert brush.radius(strokes, Canvas(128, 128)).max() <= 0.4 * 32 + 1e-3


def test_what_lies_beyond_the_canvas_ends_at_its_edge():
    strokes = framed(BRUSHES["bezier"], random_strokes(50, 13), torch.tensor([-0.25, 0.9]), 0.5)
    assert strokes.min() >= 0 and strokes.max() <= 1
