import io

import numpy as np
import pytest
from PIL import Image

from dataset.png import encode_png


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 64)])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_another_reader_gets_every_pixel_back(size: tuple[int, int], channels: int, mode: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(picture))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", mode, size[::-1])
        np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)


def test_every_chunk_has_a_correct_checksum() -> None:
    with Image.open(io.BytesIO(encode_png(np.zeros((4, 4, 3), np.uint8)))) as image:
        image.verify()


def test_smooth_pictures_become_small() -> None:
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[:, None, None], (128, 128, 3))
    assert len(encode_png(np.ascontiguousarray(ramp))) < ramp.size / 100
