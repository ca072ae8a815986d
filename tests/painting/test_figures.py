"""The paper's figures for a list of faces."""

import numpy as np
import pytest
from PIL import Image

from painting.figures import Request, figures, listed, parse_which
from painting.strokes import read_strokes
from tests.support.painted import drawn_face
from torch_utils.errors import ConfigError, DataError
from torch_utils.images import write_png


@pytest.fixture
def refs(tmp_path):
    (tmp_path / "faces").mkdir()
    for index in range(2):
        write_png(tmp_path / f"faces/face{index}.png", (drawn_face(index, 64) * 255).round().byte())
    (tmp_path / "refs.txt").write_text("# two faces\nfaces/face0.png\n\nfaces/face1.png\n", encoding="utf-8")
    return tmp_path / "refs.txt"


@pytest.mark.parametrize(("text", "numbers"), [("5-10", [5, 6, 7, 8, 9, 10]), ("5..6", [5, 6]), ("9, 6,9", [6, 9])])
def test_figures_are_numbers_and_ranges(text, numbers):
    assert parse_which(text) == numbers


@pytest.mark.parametrize("text", ["4", "5-11", "five", "", "10-5", "5-99999999999", "-5"])
def test_other_figures_are_refused(text):
    with pytest.raises(ConfigError, match="--which"):
        parse_which(text)


def test_a_list_names_pictures_from_its_own_folder(refs):
    assert [path.name for path in listed(refs)] == ["face0.png", "face1.png"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "names 0 pictures"), (b"none.png\n", "none.png: no such file"), (b"\xff\xfe", "not a readable list")],
)
def test_a_list_that_is_none_is_refused(tmp_path, content, words):
    (tmp_path / "refs.txt").write_bytes(content)
    with pytest.raises(DataError, match=words):
        listed(tmp_path / "refs.txt")


def test_sequences_and_finals_are_laid_out(refs, tmp_path):
    said: list[str] = []
    request = Request(refs=refs, which="8,9", strokes=6, size=16, outdir=tmp_path / "out")
    assert figures(request, said.append) == 0
    assert said[-1] == f"{tmp_path / 'out/figure-9.png'}: 2 faces, painted"
    with Image.open(tmp_path / "out/figure-8.png") as sequences:
        assert sequences.size == (1392, 2 * 392 + 16)
    finals = np.asarray(Image.open(tmp_path / "out/figure-9.png"))
    assert finals.shape == (2 * 256 + 8, 2 * 256 + 8, 3)
    painting = read_strokes(tmp_path / "out/ltp/face1/strokes.json")
    shown = painting.paint(painting.header.canvas.scaled(256)).permute(1, 2, 0).numpy() * 255
    assert np.abs(finals[-256:, -256:] - shown).max() <= 1
