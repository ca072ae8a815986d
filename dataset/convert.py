"""From any picture to a square RGB picture of one resolution, each step stated: orientation, colours, crop, size."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from dataset.decode import PictureError, decode, open_header
from dataset.png import encode_png
from torch_utils.errors import ConfigError

Crop = Literal["center", "wide", "pad", "none"]
Filter = Literal["lanczos", "box"]
Format = Literal["png", "jpeg"]

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
EXTENSIONS = {"png": "png", "jpeg": "jpg"}
DEFAULT_QUALITY = 95
SMALLEST, LARGEST = 4, 4096


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How each picture is made.

    Attributes:
        resolution: side of the result in pixels, a power of two.
        crop: center (largest centred square), wide (centred 4:3 piece, black bars above and below), pad (whole picture,
            black bars), none (only square pictures are taken).
        quality: of JPEG, 1 to 100; None is 95. Not for PNG.
    """

    resolution: int
    crop: Crop = "center"
    filter: Filter = "lanczos"
    format: Format = "png"
    quality: int | None = None

    def __post_init__(self) -> None:
        if not SMALLEST <= self.resolution <= LARGEST or self.resolution & (self.resolution - 1):
            raise ConfigError(
                f"--resolution {self.resolution}: not a power of two from {SMALLEST} to {LARGEST}. "
                "Use 32, 64, 128, 256, 512 or 1024."
            )
        if self.quality is not None and self.format != "jpeg":
            raise ConfigError(f"--quality {self.quality}: PNG has no quality. Add --format jpeg or leave it out.")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ConfigError(f"--quality {self.quality}: not from 1 to 100. Leave it out for {DEFAULT_QUALITY}.")

    @property
    def extension(self) -> str:
        """Ending of the entries' names, without dot."""
        return EXTENSIONS[self.format]


def convert(data: bytes, conversion: Conversion) -> np.ndarray:
    """Decode, turn upright, make RGB, crop and resize one picture: uint8 [R, R, 3].

    Of an animated or multi-page file the first picture is taken.

    Raises:
        PictureError: not readable, or of a kind that cannot be shown in 8-bit RGB.
    """
    picture = open_header(data)
    decode(picture)
    return np.asarray(_fit(_cropped(upright(picture), conversion.crop), conversion))


def upright(picture: Image.Image) -> Image.Image:
    """A decoded picture in RGB, turned as its EXIF says.

    Raises:
        PictureError: of a kind that cannot be shown in 8-bit RGB.
    """
    try:
        return to_rgb(ImageOps.exif_transpose(picture))
    except (ValueError, TypeError, LookupError, OSError, SyntaxError) as error:
        raise PictureError(f"{picture.mode} picture that cannot be turned into RGB ({error})") from error


def encode(picture: np.ndarray, conversion: Conversion) -> bytes:
    """Compress a uint8 [R, R, 3] picture as PNG, or as JPEG with full colour resolution (ink lines are thin)."""
    if conversion.format == "png":
        return encode_png(picture)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=conversion.quality or DEFAULT_QUALITY, subsampling=0)
    return stream.getvalue()


def to_rgb(picture: Image.Image) -> Image.Image:
    """RGB from any 8- or 16-bit mode: transparency over white (paper), 16 bits scaled to 8, no colour management.

    Raises:
        PictureError: floating-point or 32-bit pixels, whose range nobody knows.
    """
    if picture.mode in SIXTEEN_BIT:
        return _from_sixteen_bits(picture).convert("RGB")
    if picture.mode in ("I", "F"):
        kind = "floating-point" if picture.mode == "F" else "32-bit"
        raise PictureError(f"{kind} pixels, whose range nobody knows; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _from_sixteen_bits(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture).astype(np.int64)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))  # 65535 = 255 · 257


def cropped_size(width: int, height: int, crop: Crop) -> tuple[int, int]:
    """Width and height of the piece of a picture that is kept."""
    if crop == "center":
        return min(width, height), min(width, height)
    if crop == "wide":
        wide = min(width, round(height * 4 / 3))
        return wide, min(height, max(1, round(wide * 3 / 4)))
    return width, height


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    width, height = cropped_size(*picture.size, crop)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _fit(picture: Image.Image, conversion: Conversion) -> Image.Image:
    """Resize so that the longer side fills the square; black where nothing is."""
    side, longest = conversion.resolution, max(picture.size)
    width, height = (max(1, round(length * side / longest)) for length in picture.size)
    resized = picture.resize((width, height), FILTERS[conversion.filter])
    if (width, height) == (side, side):
        return resized
    square = Image.new("RGB", (side, side))
    square.paste(resized, ((side - width) // 2, (side - height) // 2))
    return square
