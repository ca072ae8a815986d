"""New strokes begin where the canvas is wrong, along edges, in the reference's colours."""

import torch
from torch.testing import assert_close

from painting.growth import new_strokes


def seeds(reference, picture, count=20, size=0.05, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return new_strokes(reference, picture, count, size=size, length=2.0, generator=generator)


def test_they_begin_where_the_canvas_is_wrong():
    reference, picture = torch.ones(3, 64, 64), torch.ones(3, 64, 64)
    picture[:, 40:56, 8:24] = 0
    middles = seeds(reference, picture).points[:, [0, 2]].mean(1)
    right = (middles[:, 0] > 0.55) & (middles[:, 0] < 0.95) & (middles[:, 1] > 0.05) & (middles[:, 1] < 0.45)
    assert right.double().mean() >= 0.95


def test_they_are_spread():
    middles = seeds(torch.ones(3, 64, 64), torch.zeros(3, 64, 64), count=40, size=0.1).points[:, [0, 2]].mean(1)
    quarters = (middles > 0.5).long() @ torch.tensor([2, 1])
    assert torch.bincount(quarters, minlength=4).min() >= 5


def test_they_lie_along_edges():
    reference = torch.zeros(3, 64, 64)
    reference[:, :, 32:] = 1  # an upright edge
    picture = reference.clone()
    picture[:, :, 28:36] = 0.5
    found = seeds(reference, picture, count=60)
    direction = (found.points[:, 2] - found.points[:, 0]).abs()
    assert (direction[:, 0] > direction[:, 1]).double().mean() > 0.9


def test_they_have_the_colour_beneath():
    reference = torch.tensor([0.2, 0.5, 0.8])[:, None, None].expand(3, 32, 32).clone()
    assert_close(seeds(reference, torch.zeros(3, 32, 32)).colours, torch.tensor([[0.2, 0.5, 0.8]]).expand(20, 3))


def test_a_perfect_canvas_still_gives_strokes_on_it():
    points = seeds(torch.ones(3, 32, 48), torch.ones(3, 32, 48)).points
    assert points.shape == (20, 3, 2)
    assert ((points >= 0) & (points <= 1)).all()
