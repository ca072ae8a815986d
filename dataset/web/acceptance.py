"""Whether a body is the picture that was asked for: decoded whole, of the right size, and not an error page."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dataset.convert import upright
from dataset.decode import PictureError, decode, open_header

END_OF_JPEG = b"\xff\xd9"
TAIL = 1024  # some programs write a little behind the end


class WrongSizeError(PictureError):
    """A whole picture, but not of the size that was asked for."""


@dataclass(frozen=True)
class Expected:
    """Which size the picture must have: exactly this, inside this (touching one side), or any."""

    kind: Literal["exactly", "inside", "any"]
    width: int = 0
    height: int = 0

    def holds(self, width: int, height: int) -> bool:
        """Whether a size is as expected."""
        if self.kind == "exactly":
            return (width, height) == (self.width, self.height)
        if self.kind == "inside":
            return width <= self.width and height <= self.height and (width == self.width or height == self.height)
        return True

    def __str__(self) -> str:
        return f"{self.kind} {self.width}×{self.height}" if self.kind != "any" else "any size"


@dataclass(frozen=True)
class Accepted:
    """What is worth writing down of a good picture."""

    width: int
    height: int
    mode: str
    format: str
    pixel_sha256: str  # of its upright uint8 RGB pixels, rows × columns × 3


def accept(body: bytes, expected: Expected) -> Accepted:
    """Decode a picture whole and compare its size.

    Raises:
        PictureError: HTML, another file, cut short, damaged, pixels that 8-bit RGB cannot show.
        WrongSizeError: another size.
    """
    if body[:512].lstrip()[:1] == b"<":
        raise PictureError("a page of HTML or XML, not a picture")
    picture = open_header(body)
    decode(picture)
    if picture.format == "JPEG" and END_OF_JPEG not in body[-TAIL:]:
        raise PictureError("a JPEG without its end")
    pixels = upright(picture)
    if not expected.holds(pixels.width, pixels.height):
        raise WrongSizeError(f"{pixels.width}×{pixels.height}, not {expected}")
    digest = hashlib.sha256(np.asarray(pixels).tobytes()).hexdigest()
    return Accepted(pixels.width, pixels.height, picture.mode, picture.format or "", digest)
