import io
import warnings

import numpy as np
import pytest
from PIL import Image

from dataset.convert import Conversion, convert, cropped_size, encode
from dataset.decode import PictureError
from tests.support.drawn_pictures import blocks, encoded
from torch_utils.errors import ConfigError

PLAIN = Conversion(resolution=32)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "WEBP", "JPEG"])
def test_each_format_gives_the_pixels_that_were_saved(file_format: str) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(file_format, {})
    result = convert(encoded(blocks(0), file_format, **options), PLAIN).astype(int)
    np.testing.assert_allclose(result, pixels(blocks(0)), atol=4 if file_format == "JPEG" else 0)


def test_grey_becomes_three_equal_channels() -> None:
    grey = blocks(0).convert("L")
    np.testing.assert_array_equal(convert(encoded(grey), PLAIN), np.stack([pixels(grey)] * 3, axis=2))


def test_one_bit_pictures_become_black_and_white() -> None:
    result = convert(encoded(blocks(0).convert("1")), PLAIN)
    assert set(np.unique(result)) == {0, 255}


def test_palette_pictures_are_expanded() -> None:
    palette = blocks(0).quantize(16)
    np.testing.assert_array_equal(convert(encoded(palette), PLAIN), pixels(palette.convert("RGB")))


def test_transparency_is_put_on_white() -> None:
    picture = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    picture.paste((0, 0, 100, 128), (0, 0, 16, 32))
    result = convert(encoded(picture), PLAIN)
    np.testing.assert_array_equal(result[0, 31], [255, 255, 255])
    np.testing.assert_allclose(result[0, 0], [127, 127, 177], atol=1)


def test_grey_with_transparency_is_put_on_white() -> None:
    assert convert(encoded(Image.new("LA", (32, 32), (10, 0))), PLAIN).min() == 255


def test_a_transparent_palette_colour_is_put_on_white() -> None:
    picture = Image.new("P", (32, 32), 0)
    picture.putpalette([9, 9, 9, 200, 0, 0])
    assert convert(encoded(picture, transparency=0), PLAIN).min() == 255


def test_cmyk_becomes_rgb() -> None:
    result = convert(encoded(blocks(0).convert("CMYK"), "JPEG", quality=100), PLAIN)
    assert np.abs(result.astype(int) - pixels(blocks(0))).mean() < 6


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(file_format: str) -> None:
    values = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    result = convert(encoded(Image.fromarray(values), file_format), PLAIN)
    np.testing.assert_array_equal(result[..., 0], np.round(values / 257).astype(np.uint8))


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(
        PictureError, match="floating-point pixels, whose range nobody knows; save it with 8 or 16 bits"
    ):
        convert(encoded(Image.fromarray(np.ones((32, 32), np.float32)), "TIFF"), PLAIN)


@pytest.mark.parametrize("value", [255, 65_535, 70_000])
def test_thirty_two_bit_integers_are_refused_whatever_they_hold(value) -> None:
    with pytest.raises(PictureError, match="32-bit pixels, whose range nobody knows"):
        convert(encoded(Image.fromarray(np.full((32, 32), value, np.int32)), "TIFF"), PLAIN)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = blocks(0)
    stored = upright.transpose(turned[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(convert(encoded(stored, exif=exif.tobytes()), PLAIN), pixels(upright))


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_taken(file_format: str) -> None:
    frames = [blocks(number) for number in range(3)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(convert(data, PLAIN), pixels(frames[0]))


def test_center_keeps_the_middle_square() -> None:
    picture = blocks(0, 64, 32)
    np.testing.assert_array_equal(convert(encoded(picture), PLAIN), pixels(picture)[:, 16:48])


def test_pad_keeps_all_and_adds_black() -> None:
    result = convert(encoded(Image.new("RGB", (64, 32), "white")), PLAIN)
    padded = convert(encoded(Image.new("RGB", (64, 32), "white")), Conversion(resolution=32, crop="pad"))
    assert result.min() == 255
    assert padded[8:24].min() == 255
    assert padded[:8].max() == padded[24:].max() == 0


@pytest.mark.parametrize("size", [(64, 64), (128, 48), (64, 48), (64, 100)])
def test_wide_keeps_a_four_to_three_piece_between_black_bars(size: tuple[int, int]) -> None:
    result = convert(encoded(Image.new("RGB", size, "white")), Conversion(resolution=32, crop="wide"))
    assert result[4:28].min() == 255
    assert result[:4].max() == result[28:].max() == 0


@pytest.mark.parametrize(
    ("size", "crop", "kept"),
    [
        ((300, 200), "center", (200, 200)),
        ((300, 200), "wide", (267, 200)),
        ((400, 400), "wide", (400, 300)),
        ((300, 200), "pad", (300, 200)),
        ((199, 200), "none", (199, 200)),
    ],
)
def test_the_kept_piece_of_each_crop(size: tuple[int, int], crop: str, kept: tuple[int, int]) -> None:
    assert cropped_size(*size, crop) == kept  # pyright: ignore[reportArgumentType]


def test_the_box_filter_is_the_mean_of_the_covered_pixels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    result = convert(encoded(Image.fromarray(noise)), Conversion(resolution=32, filter="box"))
    means = noise.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(result, means, atol=1)


def test_lanczos_keeps_fine_waves_better_than_box() -> None:
    wave = 128 + 100 * np.cos(2 * np.pi * np.arange(64) / 12)  # three pixels a period after shrinking by four
    picture = encoded(Image.fromarray(np.broadcast_to(wave[None, :, None], (64, 64, 3)).astype(np.uint8)))
    spread = {
        name: convert(picture, Conversion(resolution=16, filter=name))[8, 2:14, 0].std() for name in ("lanczos", "box")
    }
    assert spread["lanczos"] > 1.05 * spread["box"]


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_truncated_picture_is_refused(file_format: str, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, file_format)
    with pytest.raises(PictureError, match="damaged|not a picture"):
        convert(data[: int(len(data) * kept)], PLAIN)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="not a picture|damaged"):
        convert(data, PLAIN)


def test_the_pixel_limit_holds_whatever_the_warning_filters_are() -> None:
    stream = io.BytesIO()
    Image.new("1", (9000, 9000)).save(stream, "PNG")
    with warnings.catch_warnings(), pytest.raises(PictureError, match="more than 64 million pixels"):
        warnings.simplefilter("ignore")
        convert(stream.getvalue(), PLAIN)


@pytest.mark.filterwarnings("ignore::UserWarning")  # as the program has it, see decode.py
def test_no_bytes_make_the_reader_raise_anything_but_its_own_error() -> None:
    rng = np.random.default_rng(0)
    for file_format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        whole = encoded(blocks(0, 16), file_format)
        for _ in range(60):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.integers(256)
            try:
                assert convert(bytes(data), PLAIN).shape == (32, 32, 3)
            except PictureError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("resolution", [0, 2, 100, 8192, -64])
def test_resolutions_are_powers_of_two(resolution: int) -> None:
    with pytest.raises(ConfigError, match=f"--resolution {resolution}: not a power of two from 4 to 4096"):
        Conversion(resolution=resolution)


def test_quality_needs_jpeg() -> None:
    with pytest.raises(ConfigError, match="--quality 90: PNG has no quality. Add --format jpeg"):
        Conversion(resolution=32, quality=90)


def test_quality_has_a_range() -> None:
    with pytest.raises(ConfigError, match="--quality 101: not from 1 to 100"):
        Conversion(resolution=32, format="jpeg", quality=101)


def test_png_keeps_every_pixel_and_jpeg_nearly() -> None:
    picture = pixels(blocks(0))
    png, jpeg = (encode(picture, Conversion(resolution=32, format=name)) for name in ("png", "jpeg"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), picture)
    assert np.abs(np.asarray(Image.open(io.BytesIO(jpeg))).astype(int) - picture).max() < 25
