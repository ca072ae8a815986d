"""Opaque, mono, palette."""

import torch
from torch.testing import assert_close

from painting.brushes import BRUSHES
from painting.constraints import Constraints, palette_of
from tests.support.painted import random_strokes

BEZIER, PENCIL = BRUSHES["bezier"], BRUSHES["pencil"]


def test_without_rules_nothing_changes():
    strokes = random_strokes(5, 13)
    assert torch.equal(Constraints().apply(BEZIER, strokes), strokes)


def test_opaque_strokes_cover_all_they_can():
    assert Constraints(opaque=True).apply(BEZIER, random_strokes(5, 13))[:, 8:10].min() == 1
    pencilled = Constraints(opaque=True).apply(PENCIL, random_strokes(5, 12))
    assert PENCIL.column(pencilled, "pressure").min() == PENCIL.column(pencilled, "entry_pressure").min() == 1


def test_mono_strokes_are_grey():
    strokes = random_strokes(5, 12)
    colours = PENCIL.colours(Constraints(mono=True).apply(PENCIL, strokes))
    assert_close(colours, PENCIL.colours(strokes).mean(1, keepdim=True).expand(5, 3))


def test_colours_come_from_the_palette_and_can_still_move():
    palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    strokes = random_strokes(30, 13).requires_grad_()
    colours = BEZIER.colours(Constraints(palette=palette).apply(BEZIER, strokes))
    nearest = palette[torch.cdist(BEZIER.colours(strokes.detach()), palette).sort(dim=1).indices[:, 0]]
    assert_close(colours.detach(), nearest)
    assert len(nearest.unique(dim=0)) == 3
    colours.sum().backward()
    assert strokes.grad is not None
    assert_close(strokes.grad[:, 10:], torch.ones(30, 3))


def test_a_palette_holds_the_pictures_colours():
    picture = torch.zeros(3, 20, 20)
    picture[0, :10], picture[1, :, 10:] = 0.9, 0.6  # four colours
    found = palette_of(picture, 4, torch.Generator().manual_seed(0))
    expected = torch.tensor([[0.9, 0, 0], [0, 0.6, 0], [0.9, 0.6, 0], [0, 0, 0]])
    assert torch.cdist(expected, found).amin(1).max() < 1e-6
