"""What is painted: files, folders, a snapshot's faces."""

import numpy as np
import pytest
from PIL import Image

from dataset.archive import Archive
from painting.generated import generated
from painting.references import picture_files, read_picture
from sampling.generate import Request, generate
from tests.support.drawn_pictures import blocks
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.errors import ConfigError, DataError


def saved(path, width=40, height=30, **options):
    blocks(1, width, height).save(path, **options)
    return path


def test_a_folder_is_its_pictures_by_name(tmp_path):
    for name in ("b.png", "a.jpg", "c.webp"):
        saved(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [path.name for path in picture_files([tmp_path])] == ["a.jpg", "b.png", "c.webp"]


@pytest.mark.parametrize("name", ["nothing.png", "empty"])
def test_what_is_not_there_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: no "):
        picture_files([tmp_path / name])


def test_two_pictures_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    one, two = saved(tmp_path / "face.png"), saved(tmp_path / "other/face.jpg")
    with pytest.raises(DataError, match="its painting would go where that of .*face.png goes"):
        picture_files([one, two])


def test_a_picture_keeps_its_shape(tmp_path):
    reference = read_picture(saved(tmp_path / "wide.png", 60, 30))
    assert reference.name == "wide"
    assert reference.at(20).shape == (3, 20, 40)
    assert (
        reference.at(30).mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8).tobytes()
        == reference.picture.tobytes()
    )


def test_a_picture_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_picture(saved(tmp_path / "turned.jpg", 60, 30, exif=exif)).picture.shape == (60, 30, 3)


def test_transparent_parts_are_white(tmp_path):
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png").picture == 255).all()


def test_sixteen_bit_grey_is_read(tmp_path):
    Image.new("L", (20, 20), 128).save(tmp_path / "grey.png")
    assert (read_picture(tmp_path / "grey.png").picture == 128).all()


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match="bad.png: .*Give a PNG, JPEG"):
        read_picture(tmp_path / "bad.png")


@pytest.mark.parametrize("size", [(8, 8), (200, 20)])
def test_pictures_that_no_canvas_fits_are_refused(tmp_path, size):
    with pytest.raises(DataError, match=f"{size[0]}x{size[1]} pixels. Give a picture of at least 16"):
        read_picture(saved(tmp_path / "odd.png", *size))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return write_snapshot(folder / "s.safetensors", Archive.open(write_archive(folder / "discs.zip")), conditional=True)


def test_seeds_give_the_faces_that_generate_shows(network, tmp_path):
    list(generate(Request(network=network, folder=tmp_path, seeds="3,5", device="cpu", classes=("colour=red",))))
    for reference in generated(network, "3,5", classes=("colour=red",)):
        with Image.open(tmp_path / f"{reference.name}.png") as shown:
            assert (np.asarray(shown) == reference.picture).all()
        assert reference.about["snapshot"] == "s.safetensors"


@pytest.mark.parametrize(("seeds", "words"), [("x", "--seeds x"), ("5-2", "runs backwards")])
def test_bad_seeds_are_refused_before_anything_is_generated(network, seeds, words):
    with pytest.raises(ConfigError, match=words):
        generated(network, seeds)
