"""A painter behind the interface of a brush: windows, sizes, gradients."""

import pytest
import torch
from torch.testing import assert_close

from painting import plain, raster
from painting.brushes import BRUSHES
from painting.canvas import Canvas
from painting.learned.architectures import ARCHITECTURES
from tests.support.painted import WHITE, random_strokes

PAIRS = [(arch, brush) for arch in ARCHITECTURES for brush in ("bezier", "pencil", "ink")]


def painter(arch: str, brush: str, size: int = 64):
    torch.manual_seed(0)
    built = ARCHITECTURES[arch].build(BRUSHES[brush], size)
    built.network.eval().requires_grad_(False)
    return built


def strokes_of(brush: str, count: int, seed: int):
    return random_strokes(count, len(BRUSHES[brush].columns), seed=seed)


@pytest.mark.parametrize("canvas", [Canvas(64, 64), Canvas(40, 96)], ids=str)
@pytest.mark.parametrize(("arch", "brush"), PAIRS)
def test_windows_show_what_the_whole_canvas_shows(arch, brush, canvas):
    learned, strokes = painter(arch, brush), strokes_of(brush, 8, 1)
    windows = raster.whole_canvas(*raster.opacities(learned, strokes, canvas), canvas)
    whole = learned.whole(strokes, canvas)
    assert whole.amax((1, 2)).max() > 0.3
    assert_close(windows, whole, atol=1e-5, rtol=0)


def test_the_geometry_painter_has_small_windows():
    groups, _ = raster.opacities(painter("geo", "pencil"), 0.4 + 0.2 * strokes_of("pencil", 8, 1), Canvas(256, 256))
    assert max(group.height for group in groups) < 256


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_a_learned_brush_paints_what_its_plain_twin_paints(arch):
    learned, strokes, canvas = painter(arch, "pencil"), strokes_of("pencil", 6, 2), Canvas(48, 48)
    quick = raster.paint(learned, strokes, WHITE, canvas, cap=0.6)[0]
    assert (quick - plain.paint(learned, strokes, WHITE, canvas, cap=0.6)).abs().mean() < 1e-3


@pytest.mark.parametrize("arch", ["fcn", "gan", "vae"])
def test_a_picture_is_resampled_to_the_canvas(arch):
    learned, strokes = painter(arch, "ink"), strokes_of("ink", 3, 3)
    own = learned.whole(strokes, Canvas(64, 64))
    half = learned.whole(strokes, Canvas(32, 32))
    assert_close(own, torch.sigmoid(learned.network(2 * strokes[:, [0, 1, 2, 3, 4, 5, 9, 10, 11]] - 1)))
    assert learned.whole(strokes, Canvas(100, 150)).shape == (3, 100, 150)
    assert (half - torch.nn.functional.avg_pool2d(own[:, None], 2)[:, 0]).abs().mean() < 0.02


@pytest.mark.parametrize(("arch", "brush"), PAIRS)
def test_every_number_of_a_stroke_gets_a_gradient(arch, brush):
    learned = painter(arch, brush)
    strokes = (0.3 + 0.4 * strokes_of(brush, 5, 4)).requires_grad_()
    raster.paint(learned, strokes, WHITE, Canvas(64, 64))[0].pow(2).sum().backward()
    assert strokes.grad is not None
    assert strokes.grad.isfinite().all()
    assert (strokes.grad != 0).any(0).all()


def test_a_geometry_painter_marks_nothing_beyond_its_reach():
    learned = painter("geo", "pencil")
    stroke = torch.tensor([[0.9, 0.2, 0.5, 0.2, 0.7, 0.2, 0, 0, 0, 0.3, 0.2, 0.9]])  # level, in the upper part
    alpha = learned.whole(stroke, Canvas(64, 64))[0]
    assert alpha[20:].max() == 0
    assert alpha[10:16].max() > 0.1


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_columns_curves_and_encoding_are_the_imitated_brushs(arch):
    learned, brush = painter(arch, "bezier"), BRUSHES["bezier"]
    strokes = strokes_of("bezier", 4, 5)
    assert (learned.name, learned.columns) == (brush.name, brush.columns)
    assert torch.equal(learned.curves(strokes, Canvas(20, 30)), brush.curves(strokes, Canvas(20, 30)))
    points, size, colours = torch.rand(2, 3, 2), torch.full((2,), 0.1), torch.rand(2, 3)
    assert torch.equal(learned.encode(points, size, colours), brush.encode(points, size, colours))
