"""Pencil, ink and dry brush: the twelve numbers, and the analytic brush against the one that stamps dabs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from painting import raster
from painting.brushes.paper import grain
from painting.brushes.stamping import stamp
from painting.brushes.tools import DRY, INK, PENCIL
from painting.canvas import Canvas
from painting.curves import points_at
from tests.support.painted import random_strokes

CANVAS = Canvas(128, 128)


def opacity(tool, strokes, canvas=CANVAS):
    return raster.whole_canvas(*raster.opacities(tool, strokes, canvas), canvas)


def line(tool, pressure: float, size: float = 0.6, entry: float | None = None) -> torch.Tensor:
    """A level stroke through the middle."""
    numbers = {"pressure": pressure, "size": size, "control_x": 0.5, "control_y": 0.5, "end_x": 0.9, "end_y": 0.5}
    numbers |= {"start_x": 0.1, "start_y": 0.5, "entry_pressure": pressure if entry is None else entry}
    return torch.tensor([[numbers.get(name, 0.0) for name in tool.columns]])


@pytest.mark.parametrize(("tool", "most"), [(PENCIL, 0.2), (INK, 0.08), (DRY, 0.10)])
def test_the_analytic_brush_is_near_the_stamping_one(tool, most):
    """As a share of what a blank canvas would be wrong by; hairs, which stamping has not, left out."""
    tool = replace(tool, dryness=0.0)
    strokes = random_strokes(25, 12, seed=1)
    stamped = np.stack([stamp(tool, row.numpy(), CANVAS, np.random.default_rng(i)) for i, row in enumerate(strokes)])
    error = (opacity(tool, strokes).numpy() - stamped) ** 2
    assert error.mean() < most * (stamped**2).mean()


def test_stamping_is_stochastic_and_the_same_for_a_seed():
    stroke = random_strokes(1, 12, seed=2)[0].numpy()
    one, again, other = (stamp(PENCIL, stroke, CANVAS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_curve_passes_through_its_control_point_halfway():
    strokes = random_strokes(6, 12, seed=3)
    halfway = points_at(PENCIL.curves(strokes, CANVAS), torch.tensor([0.5]))[:, 0]
    assert_close(halfway, strokes[:, [3, 2]] * 128)


def test_pressure_runs_by_quarters():
    stroke = line(PENCIL, pressure=0.9, entry=0.1)
    t = torch.tensor([[0, 0.125, 0.25, 0.5, 0.75, 0.875, 1]])
    assert_close(PENCIL.pressure(stroke, t), torch.tensor([[0.1, 0.3, 0.5, 0.5, 0.5, 0.7, 0.9]]))


@pytest.mark.parametrize("tool", [PENCIL, INK, DRY], ids=lambda tool: tool.name)
def test_more_pressure_gives_more_paint_and_none_next_to_none(tool):
    amounts = [opacity(tool, line(tool, pressure)).sum().item() for pressure in (0.0, 0.3, 0.6, 1.0)]
    assert amounts == sorted(amounts)
    assert amounts[0] < 0.1 * amounts[-1]


def test_a_pencil_leaves_the_valleys_of_the_paper_bare():
    canvas = Canvas(512, 512)  # on smaller ones a pixel holds ridges and valleys
    alpha = opacity(PENCIL, line(PENCIL, 0.5, size=1.0), canvas)[0, 254:258, 80:432].flatten()
    heights = grain(canvas)[254:258, 80:432].flatten()
    assert alpha[heights < 0.2].mean() > 2.5 * alpha[heights > 0.8].mean()


def test_a_harder_stroke_of_ink_is_broader():
    widths = [(opacity(INK, line(INK, pressure))[0, :, 64] > 0.05).sum() for pressure in (0.3, 1.0)]
    assert widths[1] > 1.3 * widths[0]


def test_a_dry_brush_leaves_streaks_along_its_way():
    alpha = opacity(DRY, line(DRY, 0.6, size=1.0))[0, 54:74, 30:98]
    smooth = replace(DRY, dryness=0.0)
    plain = opacity(smooth, line(smooth, 0.6, size=1.0))[0, 54:74, 30:98]
    across, along = alpha.mean(1).diff().abs().mean(), alpha.mean(0).diff().abs().mean()
    assert across > 2 * along
    assert across > 2 * plain.mean(1).diff().abs().mean()


def test_mean_opacity_is_the_mean_of_a_broad_line():
    alpha = opacity(PENCIL, line(PENCIL, 0.6, size=0.5))
    radius = PENCIL.radius(line(PENCIL, 0.6, size=0.5), CANVAS)
    covered = alpha[0, :, 20:108].sum() / (2 * radius * 88)
    assert_close(covered, PENCIL.mean_opacity(torch.tensor([0.6])), atol=0.1, rtol=0)


def test_the_paper_is_the_same_at_each_size():
    small, large = grain(Canvas(128, 128)), grain(Canvas(512, 512))
    shrunk = torch.nn.functional.avg_pool2d(large[None, None], 4)[0, 0]
    assert torch.corrcoef(torch.stack([small.flatten(), shrunk.flatten()]))[0, 1] > 0.9


def test_the_paper_is_even_in_its_heights_and_goes_on_beside_itself():
    heights = grain(Canvas(512, 1100))
    assert heights.shape == (512, 1100)
    assert torch.equal(heights[:, :500], heights[:, 512:1012])
    shares = torch.histc(heights[:, :512], 10, 0, 1) / 512**2
    assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)


@pytest.mark.parametrize("tool", [PENCIL, INK, DRY], ids=lambda tool: tool.name)
def test_encoding_gives_the_curve_back(tool):
    points = torch.tensor([[[0.2, 0.3], [0.4, 0.5], [0.7, 0.6]]])
    stroke = tool.encode(points, torch.tensor([2.5 / 128]), torch.tensor([[0.1, 0.2, 0.3]]))
    assert_close(tool.curves(stroke, CANVAS), points * 128)
    assert_close(tool.radius(stroke, CANVAS), torch.tensor([2.5]))
    assert_close(tool.colours(stroke), torch.tensor([[0.1, 0.2, 0.3]]))
