"""Compositing: the closed form and the windows against one stroke after the other."""

import torch
from torch.testing import assert_close

from painting.canvas import Canvas
from painting.composite import composite, composite_loop, composite_windows
from painting.windows import Group

CANVAS = Canvas(12, 17)


def layers(count: int = 9, dtype: torch.dtype = torch.float32):
    generator = torch.Generator().manual_seed(5)
    shape = (count, CANVAS.height, CANVAS.width)
    alphas = torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)
    colours = torch.rand(count, 3, generator=generator, dtype=torch.float64).to(dtype)
    return alphas, colours, torch.tensor([0.9, 0.5, 0.1], dtype=dtype)


def windows(dtype: torch.dtype = torch.float64):
    """Five strokes in two groups of windows, not in order, some at the edges."""
    first = Group(torch.tensor([0, 3]), torch.tensor([[0, 0], [7, 9]]), 5, 8)
    second = Group(torch.tensor([1, 2, 4]), torch.tensor([[3, 4], [0, 11], [6, 0]]), 6, 6)
    generator = torch.Generator().manual_seed(6)
    alphas = [torch.rand(len(g.strokes), g.height, g.width, generator=generator).to(dtype) for g in (first, second)]
    return [first, second], alphas, torch.rand(5, 3, generator=generator).to(dtype)


def spread(groups, alphas):
    """Windows on whole canvases, with gradient."""
    full = [torch.zeros(CANVAS.height, CANVAS.width, dtype=alphas[0].dtype) for _ in range(5)]
    for group, alpha in zip(groups, alphas, strict=True):
        for stroke, (top, left), own in zip(group.strokes.tolist(), group.origin.tolist(), alpha, strict=True):
            right, bottom = CANVAS.width - left - group.width, CANVAS.height - top - group.height
            full[stroke] = torch.nn.functional.pad(own, (left, right, top, bottom))
    return torch.stack(full)


def test_the_closed_form_is_the_loop():
    assert_close(composite(*layers()), composite_loop(*layers()), atol=1e-6, rtol=0)


def test_opaque_strokes_hide_what_lies_below():
    alphas, colours, background = layers()
    alphas[4] = 1
    above = composite_loop(alphas[5:], colours[5:], background)  # over any background where stroke 5 is opaque
    alphas[5] = 1
    assert_close(composite(alphas, colours, background), composite(alphas[5:], colours[5:], 1 - background))
    assert not torch.allclose(above, composite(alphas, colours, background))


def test_windows_are_the_loop_after_every_count():
    groups, alphas, colours = windows()
    background = torch.tensor([1.0, 0.8, 0.6], dtype=torch.float64)
    kept = composite_windows(alphas, groups, colours, background, CANVAS, range(6))
    full = spread(groups, alphas)
    for count in range(6):
        assert_close(kept[count], composite_loop(full[:count], colours[:count], background))


def test_gradients_through_windows_are_those_of_the_loop():
    groups, alphas, colours = windows()
    background = torch.tensor([1.0, 0.8, 0.6], dtype=torch.float64)
    weights = torch.rand(3, 3, CANVAS.height, CANVAS.width, dtype=torch.float64)
    prefixes = [0, 2, 5]
    leaves = [colours.requires_grad_(), *(alpha.requires_grad_() for alpha in alphas)]
    kept = composite_windows(alphas, groups, colours, background, CANVAS, prefixes)
    quick = torch.autograd.grad((kept * weights).sum(), leaves)
    full = spread(groups, alphas)
    slow = [composite_loop(full[:count], colours[:count], background) for count in prefixes]
    assert_close(quick, torch.autograd.grad((torch.stack(slow) * weights).sum(), leaves))


def test_no_stroke_leaves_the_background():
    kept = composite_windows([], [], torch.zeros(0, 3), torch.tensor([0.1, 0.2, 0.3]), CANVAS, [0])
    assert_close(kept[0], torch.tensor([0.1, 0.2, 0.3])[:, None, None].expand(3, 12, 17))
