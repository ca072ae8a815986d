"""Opening one picture from untrusted bytes: five formats only, size limits before decoding, one line of reason."""

import io
import struct
import warnings
import zlib
from typing import IO

from PIL import Image

MAX_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})

# Pillow alone knows where to stop: above the limit it warns, above twice the limit it raises. Both must stop us, in any
# thread, so the filter is set once here rather than around each call (catch_warnings is not safe with threads).
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Remarks on odd metadata name no file, and the picture is read all the same.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# What Pillow's readers are seen to raise on damaged or hostile bytes.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)


class PictureError(Exception):
    """These bytes are not a picture we can read; the text is the reason, without the file's name."""


def open_header(data: bytes | IO[bytes]) -> Image.Image:
    """Read size, mode and format without decoding the pixels.

    Raises:
        PictureError: not one of the five formats, or more than 64 million pixels.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        picture = Image.open(stream, formats=FORMATS)
    except _BOMBS as error:
        raise PictureError(f"more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except Image.UnidentifiedImageError as error:
        raise PictureError("not a picture (PNG, JPEG, WebP, TIFF or BMP)") from error
    except _DAMAGE as error:
        raise PictureError(f"damaged ({_reason(error)})") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise PictureError(f"more than {MAX_PIXELS // 1_000_000} million pixels")
    return picture


def decode(picture: Image.Image) -> None:
    """Decode the pixels of an opened picture in place.

    Raises:
        PictureError: cut short or damaged.
    """
    try:
        picture.load()
    except _BOMBS as error:
        raise PictureError(f"more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except _DAMAGE as error:
        raise PictureError(f"damaged ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
