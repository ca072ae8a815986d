"""The stroke file: small, exact, drawn at any size; a bad one is refused in one line."""

import json

import pytest
import torch
from torch.testing import assert_close

from painting.brushes import BRUSHES
from painting.canvas import Canvas
from painting.strokes import Header, StrokeSet, read_strokes, write_strokes
from tests.support.painted import random_strokes
from torch_utils.errors import DataError

HEADER = Header(
    brush="bezier",
    height=48,
    width=64,
    background=(0.9, 0.8, 0.7),
    order="last",
    cap=0.6,
    about={"of": "顔.png"},
)


@pytest.fixture
def written(tmp_path):
    painting = StrokeSet(HEADER, random_strokes(7, 13)).rounded()
    write_strokes(tmp_path / "strokes.json", painting)
    return tmp_path / "strokes.json", painting


def test_what_is_read_is_what_was_written(written):
    path, painting = written
    back = read_strokes(path)
    assert back.header == painting.header
    assert torch.equal(back.strokes, painting.strokes)


def test_the_file_shows_the_same_picture_to_the_bit(written):
    path, painting = written
    assert torch.equal(read_strokes(path).paint(), painting.paint())


@pytest.mark.parametrize("unit", [64, 256, 1024])
def test_one_file_is_drawn_at_any_size(written, unit):
    """P13."""
    path, painting = written
    picture = read_strokes(path).paint(HEADER.canvas.scaled(unit))
    assert picture.shape == (3, unit, round(unit * 4 / 3))
    small = torch.nn.functional.interpolate(picture[None], size=(48, 64), mode="area")[0]
    assert (small - painting.paint()).pow(2).mean() < 5e-4


def test_a_painting_without_strokes_is_its_background(tmp_path):
    write_strokes(tmp_path / "none.json", StrokeSet(HEADER, torch.zeros(0, 13)))
    picture = read_strokes(tmp_path / "none.json").paint(Canvas(16, 16))
    assert_close(picture, torch.tensor(HEADER.background)[:, None, None].expand(3, 16, 16))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "kaokore-stylegan strokes 2"}, "format 'kaokore-stylegan strokes 2', needed is"),
        ({"format": None}, "no stroke file of ours"),
        ({"brush": "broom"}, "brush 'broom': no such brush. Use one of bezier"),
        ({"height": 3}, "canvas 3x64: sides go from 16 to 4096"),
        ({"width": 48_000}, "canvas 48x48000: sides go from"),
        ({"height": "tall"}, "height"),
        ({"cap": 0}, "cap 0"),
        ({"order": "first"}, "order 'first': no such order. Use closest or last"),
        ({"background": [1, 2, 3]}, "background \\[1"),
        ({"about": {"seed": 3}}, "about"),
        ({"colour": 1}, "colour: no such option"),
        ({"columns": ["x0"]}, "its columns are not those of brush bezier"),
        ({"strokes": None}, "strokes: none; needed is a list"),
        ({"strokes": [[0.5] * 13, [0.5] * 12]}, "stroke 2 is no list of 13 numbers"),
        ({"strokes": [[0.5] * 6 + [1.5] + [0.5] * 6]}, "stroke 1: r0 is 1.5, not a number from 0 to 1"),
        ({"strokes": [[0.5] * 12 + [True]]}, "stroke 1: blue is True"),
        ({"strokes": [[0.5] * 12 + ["\n"]]}, "stroke 1: blue is"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(written, change, words):
    path, _ = written
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(DataError, match=words) as error:
        read_strokes(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[1, 2", "[" * 100_000, '{"format": NaN}', "\x00\xff", '{"format": 1e999}', "[]", "1" * 5000]
)
def test_what_is_no_json_of_ours_is_refused(tmp_path, text):
    (tmp_path / "bad.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="bad.json"):
        read_strokes(tmp_path / "bad.json")


def test_infinite_numbers_are_refused(written):
    path, _ = written
    text = path.read_text(encoding="utf-8")
    first = text.index("[[") if "[[" in text else text.index("[", text.index('"strokes": [') + 12)
    path.write_text(text[: first + 1] + "1e999" + text[text.index(",", first) :], encoding="utf-8")
    with pytest.raises(DataError, match="stroke 1: x0 is inf"):
        read_strokes(path)


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_strokes(tmp_path / "strokes.json")


def test_a_file_cut_anywhere_is_refused(written):
    path, _ = written
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_strokes(path)


@pytest.mark.parametrize(("brush", "most"), [("bezier", 2e-5), ("ink", 1e-3), ("pencil", 1e-3), ("dry", 4e-3)])
def test_one_file_is_drawn_at_every_size(tmp_path, brush, most):
    """P13: from 64 to 1024 pixels the same picture; a pencil's paper has more to show on large ones."""
    header = Header(brush=brush, height=128, width=128, cap=0.8)
    write_strokes(tmp_path / "strokes.json", StrokeSet(header, random_strokes(12, len(BRUSHES[brush].columns), 4)))
    painting = read_strokes(tmp_path / "strokes.json")
    small = painting.paint(Canvas(64, 64))
    for side in (128, 1024):
        drawn = painting.paint(header.canvas.scaled(side))
        assert drawn.shape == (3, side, side)
        shrunk = torch.nn.functional.avg_pool2d(drawn[None], side // 64)[0]
        assert (shrunk - small).pow(2).mean() < most
        assert (shrunk - small).pow(2).mean() < 0.2 * (small - 1).pow(2).mean()
