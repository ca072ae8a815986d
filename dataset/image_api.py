"""IIIF Image API addresses: {scheme}://{host}/{identifier}/{region}/{size}/{rotation}/{quality}.{format}.

Source: IIIF Image API 2.1 and 3.0, section 2. Identifiers are kept as they are written, since servers that publish raw
slashes do not know the encoded ones.
"""

import hashlib
import re
from dataclasses import dataclass, replace

from torch_utils.errors import DataError

ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^/\s?#]+)/(?P<identifier>[^\s?#]+)"
    r"/(?P<x>-?\d+),(?P<y>-?\d+),(?P<w>\d+),(?P<h>\d+)/(?P<size>[^/\s?#]+)/0/default\.jpg"
)


@dataclass(frozen=True, order=True)
class Region:
    """A rectangle on a page, in its pixels; the origin may lie outside, which the standard does not allow."""

    x: int
    y: int
    w: int
    h: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.w},{self.h}"

    @property
    def starts_outside(self) -> bool:
        """Whether the origin is negative: strict servers answer 400, others shift or cut."""
        return self.x < 0 or self.y < 0

    def overlap(self, other: "Region") -> float:
        """Intersection over union, 0 to 1."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        shared = max(0, width) * max(0, height)
        return shared / (self.w * self.h + other.w * other.h - shared) if shared else 0.0

    def shifted(self) -> "Region":
        """Moved inside at the left and the top, size kept: what iipsrv does."""
        return replace(self, x=max(0, self.x), y=max(0, self.y))

    def clipped(self) -> "Region":
        """Without what lies left of and above the page."""
        x, y = max(0, self.x), max(0, self.y)
        return Region(x, y, self.x + self.w - x, self.y + self.h - y)

    def centred_square(self) -> "Region":
        """The largest centred square inside."""
        side = min(self.w, self.h)
        return Region(self.x + (self.w - side) // 2, self.y + (self.h - side) // 2, side, side)


@dataclass(frozen=True)
class ImageAddress:
    """One request of a region of a page."""

    scheme: str
    host: str
    identifier: str
    region: Region
    size: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/{self.identifier}/{self.region}/{self.size}/0/default.jpg"

    @property
    def page(self) -> str:
        """The whole picture it is cut from, whatever the scheme."""
        return f"{self.host}/{self.identifier}"

    @property
    def crop_id(self) -> str:
        """16 hexadecimal digits that name the crop in every version: of host, identifier and region."""
        return hashlib.sha256(f"{self.host}|{self.identifier}|{self.region}".encode()).hexdigest()[:16]


def parse_address(text: str, where: str) -> ImageAddress:
    """Read an address whose region is given in pixels.

    Args:
        where: begins the error, for example "urls.txt: line 3".
    Raises:
        DataError: not of this form.
    """
    match = ADDRESS.fullmatch(text)
    if not match or int(match["w"]) < 1 or int(match["h"]) < 1:
        raise DataError(f"{where}: {text[:120]!r} is not an IIIF address of a region. Use the official file.")
    region = Region(*(int(match[key]) for key in "xywh"))
    return ImageAddress(match["scheme"], match["host"], match["identifier"], region, match["size"])
