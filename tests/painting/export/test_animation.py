"""GIF and MP4 show the painting's course."""

import av
import numpy as np
import pytest
from PIL import Image

from painting.export.animation import GIF_UNIT, write_gif, write_mp4
from painting.export.frames import moments, to_picture
from painting.strokes import Header, StrokeSet
from tests.support.painted import random_strokes

PAINTING = StrokeSet(Header(brush="bezier", height=48, width=63), random_strokes(30, 13))


@pytest.mark.parametrize("strokes", [0, 1, 5, 100, 600])
def test_moments_run_from_none_to_all_and_slowly_at_first(strokes):
    counts = moments(strokes, 90)
    assert (counts[0], counts[-1]) == (0, strokes)
    assert counts == sorted(set(counts))
    assert len(counts) <= 91
    if strokes >= 100:
        assert counts[1] == 1
        assert counts[-1] - counts[-2] > counts[2] - counts[1]


def test_a_gif_ends_with_the_painting(tmp_path):
    write_gif(tmp_path / "p.gif", PAINTING, PAINTING.header.canvas)
    with Image.open(tmp_path / "p.gif") as gif:
        assert gif.size == (63, 48)
        assert gif.n_frames == 31
        first = np.asarray(gif.convert("RGB"), float)
        gif.seek(gif.n_frames - 1)
        assert gif.info["duration"] == 3000
        last = np.asarray(gif.convert("RGB"), float)
    assert first.mean() > 250
    assert np.abs(last - to_picture(PAINTING.paint())).mean() < 8  # its colours are 256


def test_a_gif_is_not_larger_than_it_should(tmp_path):
    write_gif(tmp_path / "p.gif", PAINTING, PAINTING.header.canvas.scaled(900))
    with Image.open(tmp_path / "p.gif") as gif:
        assert min(gif.size) == GIF_UNIT


def test_what_no_stroke_touches_stands_still(tmp_path):
    strokes = random_strokes(10, 13)
    strokes[:, [0, 2, 4]] = strokes[:, [0, 2, 4]] * 0.2  # at the top
    strokes[:, 6:8] *= 0.3
    write_gif(tmp_path / "p.gif", StrokeSet(PAINTING.header, strokes), PAINTING.header.canvas)
    with Image.open(tmp_path / "p.gif") as gif:
        bottoms = []
        for index in range(gif.n_frames):
            gif.seek(index)
            bottoms.append(np.asarray(gif.convert("RGB"))[30:])
    assert all(np.array_equal(bottom, bottoms[0]) for bottom in bottoms)


def test_a_video_ends_with_the_painting_and_has_even_sides(tmp_path):
    write_mp4(tmp_path / "p.mp4", PAINTING, PAINTING.header.canvas)
    with av.open(str(tmp_path / "p.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert frames[0].shape == (48, 64, 3)
    assert len(frames) == 31 + 50
    assert frames[0].mean() > 245
    shown = to_picture(PAINTING.paint(type(PAINTING.header.canvas)(48, 64)))
    assert np.abs(frames[-1].astype(float) - shown).mean() < 10
