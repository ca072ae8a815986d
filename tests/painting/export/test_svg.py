"""The SVG in a real viewer (resvg) against the canvas; bar P12: 35 dB for opaque strokes."""

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import resvg_py
import torch
from PIL import Image

from painting.export.svg import svg
from painting.quality import mse, psnr
from painting.strokes import Header, StrokeSet
from tests.support.painted import random_strokes

HEADER = Header(brush="bezier", height=128, width=128, background=(0.9, 0.9, 0.8))


def seen(painting: StrokeSet, scale: int = 1) -> torch.Tensor:
    """As resvg draws it: RGB in 0…1, [3, H, W]."""
    canvas = painting.header.canvas
    drawn = resvg_py.svg_to_bytes(svg_string=svg(painting), width=canvas.width * scale, height=canvas.height * scale)
    picture = np.asarray(Image.open(io.BytesIO(bytes(drawn))).convert("RGB"))
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255


def bezier(count: int, seed: int, opacity: float | None) -> StrokeSet:
    strokes = random_strokes(count, 13, seed)
    strokes[:, 6:8] = strokes[:, 6:8] ** 2 * 0.6
    if opacity is not None:
        strokes[:, 8:10] = opacity
    return StrokeSet(HEADER, strokes).rounded()


@pytest.mark.parametrize(("opacity", "least"), [(1.0, 35), (0.5, 35), (None, 30)])
@pytest.mark.parametrize("scale", [1, 4])
def test_a_viewer_shows_what_the_canvas_shows(opacity, least, scale):
    for seed in range(3):
        painting = bezier(40, seed, opacity)
        canvas = painting.paint(HEADER.canvas.scaled(128 * scale))
        assert psnr(mse(seen(painting, scale), canvas)) >= least


def test_a_dot_and_a_drop_are_drawn():
    dot = [0.3, 0.3, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 1, 1, 0.8, 0.1, 0.1]
    drop = [0.6, 0.6, 0.5, 0.5, 0.65, 0.62, 0.9, 0.1, 1, 1, 0.1, 0.1, 0.8]  # its end lies within its start
    painting = StrokeSet(HEADER, torch.tensor([dot, drop]))
    assert psnr(mse(seen(painting), painting.paint())) >= 40


def test_pencil_strokes_have_their_mean_opacity():
    strokes = random_strokes(30, 12, 3)
    painting = StrokeSet(replace(HEADER, brush="pencil", cap=0.6), strokes).rounded()
    blurred = [torch.nn.functional.avg_pool2d(x, 16) for x in (seen(painting), painting.paint())]
    assert psnr(mse(*blurred)) >= 30


def test_it_is_xml_even_if_a_name_is_not(tmp_path):
    about = {"reference": "a<b>&\"'顔\x07.png"}
    root = ElementTree.fromstring(svg(StrokeSet(replace(HEADER, about=about), random_strokes(2, 13))))
    assert root.get("viewBox") == "0 0 128 128"
    assert "a<b>&" in (root.get("aria-label") or "")
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == 2


def test_a_stroke_is_short():
    text = svg(bezier(100, 1, None))
    assert len(text) < 2000 * 100
    assert not re.search(r"e-\d|nan|inf", text)
