import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from torch_utils.errors import StorageError
from torch_utils.images import grid, read_png_text, to_float, to_uint8, write_png


def stripes(channels: int = 3) -> np.ndarray:
    return np.arange(5 * 7 * channels, dtype=np.uint8).reshape(5, 7, channels)


def test_every_value_comes_back_from_float():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(values)), values)


def test_floats_span_minus_one_to_one():
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert to_float(torch.zeros(1, dtype=torch.uint8)).dtype == torch.float32


def test_floats_outside_are_clamped():
    assert to_uint8(torch.tensor([-5.0, -1.0, 0.0, 1.0, 5.0])).tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_converted_too(dtype):
    assert to_uint8(torch.tensor([-1.0, 0.0, 1.0], dtype=dtype)).tolist() == [0, 128, 255]


def test_a_grid_runs_row_by_row_and_ends_in_white():
    pictures = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 4)
    sheet = grid(pictures, columns=3)
    assert sheet.shape == (4, 12, 3)
    assert sheet[::2, ::4, 0].tolist() == [[0, 1, 2], [3, 4, 255]]


def test_gaps_are_white_and_only_between_pictures():
    sheet = grid(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), columns=2, gap=1)
    assert sheet[:, :, 0].tolist() == [[0, 0, 255, 0, 0]] * 2 + [[255] * 5] + [[0, 0, 255, 0, 0]] * 2


def test_a_grid_keeps_the_picture_as_it_is():
    pictures = torch.from_numpy(stripes().transpose(2, 0, 1))[None]
    np.testing.assert_array_equal(grid(pictures, columns=1), stripes())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_a_png_holds_exactly_the_pixels(tmp_path, channels, as_tensor):
    array = stripes(channels)
    write_png(tmp_path / "a.png", torch.from_numpy(array.transpose(2, 0, 1)) if as_tensor else array)
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image).reshape(array.shape), array)


def test_text_comes_back_from_a_png(tmp_path):
    text = {"seed": "7", "licence": "CC BY-SA 4.0", "attribution": "顔貌コレクション（ROIS-DS CODH）", "psi": "0.7 – ½"}
    write_png(tmp_path / "a.png", stripes(), text)
    assert read_png_text(tmp_path / "a.png") == text


def test_a_png_without_text_has_none(tmp_path):
    write_png(tmp_path / "a.png", stripes())
    assert read_png_text(tmp_path / "a.png") == {}


def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", stripes())
    before = (tmp_path / "a.png").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="a.png: no space left on the disk"):
        write_png(tmp_path / "a.png", 255 - stripes())
    assert (tmp_path / "a.png").read_bytes() == before
    assert [path.name for path in Path(tmp_path).iterdir()] == ["a.png"]
