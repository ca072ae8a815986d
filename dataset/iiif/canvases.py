"""From a canvas to a region of an image: which service has the image, how large it is, where the region lies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from dataset.iiif.selections import Fragment, as_list, first_of, identifier
from dataset.image_api import Region
from torch_utils.errors import DataError

Square = Literal["expand", "crop", "keep"]
IMAGE_REQUEST_PARTS = 4  # region/size/rotation/quality.format


@dataclass(frozen=True)
class Canvas:
    """A page as a manifest describes it; its units need not be pixels."""

    width: float
    height: float
    service: str


@dataclass(frozen=True)
class Picture:
    """The image behind a canvas, in pixels."""

    service: str
    width: int
    height: int


def canvases_of(manifest: dict[str, Any]) -> dict[str, Canvas]:
    """The canvases of a Presentation 2 or 3 manifest by their whole address: page1 must not be taken for page10."""
    found = {}
    for canvas in as_list(manifest.get("items")):
        painting = first_of(first_of(canvas.get("items")).get("items"))
        body = first_of(painting.get("body"))
        found[identifier(canvas)] = _canvas(canvas, first_of(body.get("items")) or body)  # the first of a choice
    for sequence in as_list(manifest.get("sequences")):
        for canvas in as_list(sequence.get("canvases")):
            resource = first_of(first_of(canvas.get("images")).get("resource"))
            found[identifier(canvas)] = _canvas(canvas, first_of(resource.get("default")) or resource)
    return found


def _canvas(canvas: dict[str, Any], resource: dict[str, Any]) -> Canvas:
    services = [service for service in as_list(resource.get("service")) if isinstance(service, dict)]
    service = next((identifier(service) for service in services if identifier(service)), "")
    if not service:
        parts = identifier(resource).split("/")
        looks_so = len(parts) > IMAGE_REQUEST_PARTS + 3 and parts[-2].lstrip("!").isdecimal()
        service = "/".join(parts[:-IMAGE_REQUEST_PARTS]) if looks_so else ""
    width, height = (float(canvas.get(key) or resource.get(key) or 0) for key in ("width", "height"))
    return Canvas(width, height, service.rstrip("/"))


def picture_of(canvas: Canvas, get: Callable[[str], dict[str, Any]]) -> Picture:
    """Ask the image service for the size of its image.

    Raises:
        DataError: no service, or an info.json without sizes.
    """
    if not canvas.service:
        raise DataError("its canvas has no image service")
    info = get(f"{canvas.service}/info.json")
    width, height = info.get("width"), info.get("height")
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        raise DataError(f"{canvas.service}/info.json: says no width and height")
    return Picture(canvas.service, width, height)


def region_of(fragment: Fragment | None, canvas: Canvas, picture: Picture, square: Square) -> Region:
    """A fragment in pixels of the image, inside it.

    Args:
        square: expand (to the longer side around the centre, moved inside), crop (to the shorter side), keep.
    Raises:
        DataError: it lies outside, or the canvas says no size.
    """
    if canvas.width <= 0 or canvas.height <= 0:
        raise DataError("its canvas says no width and height")
    if fragment is None:
        x, y, w, h = 0.0, 0.0, float(picture.width), float(picture.height)
    else:
        whole = (100.0, 100.0) if fragment.percent else (canvas.width, canvas.height)
        across, down = picture.width / whole[0], picture.height / whole[1]
        x, y, w, h = fragment.x * across, fragment.y * down, fragment.w * across, fragment.h * down
    outside = DataError(f"its region {round(x)},{round(y)},{round(w)},{round(h)} lies outside the page")
    if x >= picture.width or y >= picture.height or x + w <= 0 or y + h <= 0:
        raise outside
    if square != "keep":
        side = max(w, h) if square == "expand" else min(w, h)
        side = min(side, picture.width, picture.height)
        x, y, w, h = x + (w - side) / 2, y + (h - side) / 2, side, side
        if square == "expand":
            x, y = min(max(x, 0.0), picture.width - side), min(max(y, 0.0), picture.height - side)
    left, top = max(0, round(x)), max(0, round(y))
    right, bottom = min(picture.width, round(x) + round(w)), min(picture.height, round(y) + round(h))
    if right <= left or bottom <= top:
        raise outside
    return Region(left, top, right - left, bottom - top)
