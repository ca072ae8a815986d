"""What generate.py does, without its command line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataset.archive import Archive
from sampling.generate import Request, generate, parse_grid, parse_seeds
from sampling.provenance import seed_words
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.errors import ConfigError, StorageError
from torch_utils.images import read_png_text


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    return Archive.open(write_archive(tmp_path_factory.mktemp("data") / "discs.zip"))


@pytest.fixture(scope="module")
def network(archive, tmp_path_factory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("run") / "s.safetensors", archive)


@pytest.fixture(scope="module")
def conditional(archive, tmp_path_factory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("run") / "c.safetensors", archive, conditional=True)


def ask(**options) -> list[str]:
    return list(generate(Request(device="cpu", **options)))


def tiles(path: Path, side: int = 16) -> np.ndarray:
    with Image.open(path) as picture:
        array = np.asarray(picture)
    rows, columns = array.shape[0] // side, array.shape[1] // side
    return array.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)


def test_the_default_grid_shows_seeds_0_to_63_and_says_so(network, tmp_path):
    said = ask(network=network, out=tmp_path / "grid.png")
    assert said == [f"{tmp_path / 'grid.png'}: 64 seeds, psi 1"]
    assert len(tiles(tmp_path / "grid.png")) == 64
    text = read_png_text(tmp_path / "grid.png")
    assert (text["seeds"], text["grid"]) == ("0-63", "8x8, uncurated")


def test_chosen_seeds_are_not_called_uncurated(network, tmp_path):
    ask(network=network, out=tmp_path / "grid.png", grid="3x1", seeds="1,5,9")
    text = read_png_text(tmp_path / "grid.png")
    assert (text["seeds"], text["grid"]) == ("1,5,9", "3x1")


def test_a_row_not_filled_up_ends_in_white(network, tmp_path):
    ask(network=network, out=tmp_path / "grid.png", grid="2x2", seeds="4-6")
    shown = tiles(tmp_path / "grid.png")
    assert len(shown) == 4
    assert (shown[3] == 255).all() and not (shown[2] == 255).all()


def test_single_pictures_are_those_of_the_grid(network, tmp_path):
    ask(network=network, out=tmp_path / "grid.png", folder=tmp_path / "faces", grid="2x1", seeds="8-10", batch=2)
    assert sorted(p.name for p in (tmp_path / "faces").iterdir()) == [f"seed{n:06d}.png" for n in (8, 9, 10)]
    shown = tiles(tmp_path / "grid.png")
    assert len(shown) == 2
    for place, seed in enumerate((8, 9)):
        path = tmp_path / "faces" / f"seed{seed:06d}.png"
        with Image.open(path) as single:
            assert (np.asarray(single) == shown[place]).all()
        assert read_png_text(path)["seeds"] == str(seed)
    assert read_png_text(tmp_path / "grid.png")["seeds"] == "8-9"


def test_the_batch_size_changes_nothing(network, tmp_path):
    for batch in (1, 7, 64):
        ask(network=network, out=tmp_path / f"{batch}.png", grid="4x4", batch=batch)
    one = tiles(tmp_path / "1.png").astype(int)
    assert all(np.abs(tiles(tmp_path / f"{batch}.png") - one).max() <= 1 for batch in (7, 64))


def test_single_pictures_of_a_conditional_network_name_their_classes(conditional, tmp_path):
    ask(network=conditional, folder=tmp_path / "faces", seeds="0-3", classes=("colour=red",))
    text = read_png_text(tmp_path / "faces" / "seed000002.png")
    colour, size = text["class"].split(", ")
    assert colour == "colour=red"
    assert size.removeprefix("size=") in ("small", "middle", "large", "unlabelled")
    assert text["psi"] == "1" and "psi_cutoff" not in text


def test_a_grid_names_the_classes_asked_for(conditional, tmp_path):
    choice = ("colour=blue", "size=large")
    ask(network=conditional, out=tmp_path / "grid.png", grid="2x2", psi=0.5, cutoff=3, classes=choice)
    text = read_png_text(tmp_path / "grid.png")
    assert (text["class"], text["psi"], text["psi_cutoff"]) == ("colour=blue, size=large", "0.5", "3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to write. Give --out grid.png, --images FOLDER, or both."),
        ({"out": Path("grid.jpg")}, "--out grid.jpg: not a PNG name"),
        ({"out": Path("g.png"), "psi": float("nan")}, "--trunc nan: not a finite number"),
        ({"out": Path("g.png"), "seeds": "0-64"}, "65 seeds do not fit --grid 8x8. Use a larger grid."),
        ({"out": Path("g.png"), "seeds": ""}, "'' is no number and no range"),
        ({"out": Path("g.png"), "grid": "0x4"}, "--grid 0x4: not of the form COLUMNSxROWS"),
    ],
)
def test_requests_that_make_no_sense_are_refused_before_the_snapshot_is_read(options, message):
    with pytest.raises(ConfigError, match=message):
        ask(network=Path("none.safetensors"), **options)


def test_a_folder_that_cannot_be_made_is_one_line(network, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StorageError, match="taken"):
        ask(network=network, folder=tmp_path / "taken", seeds="0")
    assert (tmp_path / "taken").read_text() == "x"


@pytest.mark.parametrize(("text", "seeds"), [("7", [7]), ("0-3,7", [0, 1, 2, 3, 7]), (" 1 ,5-5", [1, 5])])
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no number and no range. Use for example 0-63"),
        ("1,x", "'x' is no number"),
        ("-3", "'-3' is no number"),
        ("5-2", "5-2 runs backwards. Use 2-5."),
        ("0-9999999", "more than 1000000 seeds. Ask for fewer at a time."),
        ("9" * 30, "is no number and no range"),
    ],
)
def test_seeds_that_are_none_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_seeds(text)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_seeds_written_out_are_read_back(seeds):
    assert parse_seeds(seed_words(seeds)) == seeds


@given(st.text(max_size=12))
def test_any_text_is_a_list_of_seeds_or_refused_in_one_line(text):
    try:
        assert parse_seeds(text)
    except ConfigError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("text", "sides"), [("8x4", (8, 4)), ("1X1", (1, 1)), ("256x256", (256, 256))])
def test_grids_are_columns_by_rows(text, sides):
    assert parse_grid(text) == sides


@pytest.mark.parametrize("text", ["8", "8x", "x8", "8x0", "8x257", "-1x3", "8x4x2", "²x2", "1e2x3"])
def test_grids_that_are_none_are_refused(text):
    with pytest.raises(ConfigError, match="each from 1 to 256. Use for example 8x8."):
        parse_grid(text)
