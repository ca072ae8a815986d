from typing import Any

import pytest

from dataset.iiif.canvases import Canvas, Picture, Square, canvases_of, picture_of, region_of
from dataset.iiif.selections import Fragment
from dataset.image_api import Region
from tests.support.drawn_curation import BASE, info, manifest_2, manifest_3
from torch_utils.errors import DataError

CANVAS, PICTURE = Canvas(1000, 500, "s"), Picture("s", 2000, 1000)


def region(fragment: Fragment | None, square: Square = "keep") -> Region:
    return region_of(fragment, CANVAS, PICTURE, square)


@pytest.mark.parametrize("manifest", [manifest_2(), manifest_3()])
def test_each_canvas_has_its_own_service(manifest: dict[str, Any]) -> None:
    services = {address.rpartition("/")[2]: canvas.service for address, canvas in canvases_of(manifest).items()}
    assert services == {"p1": f"{BASE}/iiif/p1", "p10": f"{BASE}/iiif/p10"}


def test_a_service_may_be_told_by_the_address_of_the_picture_alone() -> None:
    manifest = manifest_2()
    resource = manifest["sequences"][0]["canvases"][0]["images"][0]["resource"]
    del resource["service"]
    assert canvases_of(manifest)[f"{BASE}/book/B001/canvas/p1"].service == f"{BASE}/iiif/p1"
    resource["@id"] = f"{BASE}/pictures/p1.jpg"
    canvas = canvases_of(manifest)[f"{BASE}/book/B001/canvas/p1"]
    with pytest.raises(DataError, match="its canvas has no image service"):
        picture_of(canvas, lambda address: {})


def test_the_first_of_a_choice_is_taken() -> None:
    manifest = manifest_3()
    annotation = manifest["items"][0]["items"][0]["items"][0]
    annotation["body"] = {"type": "Choice", "items": [annotation["body"], {"id": "other"}]}
    assert canvases_of(manifest)[f"{BASE}/book/B003/canvas/p1"].service == f"{BASE}/iiif/p1"


@pytest.mark.parametrize("version", [2, 3])
def test_the_size_comes_from_info_json(version: int) -> None:
    asked = []
    picture = picture_of(Canvas(1, 1, f"{BASE}/iiif/p1"), lambda address: asked.append(address) or info("p1", version))
    assert (picture.width, picture.height, asked) == (4000, 3000, [f"{BASE}/iiif/p1/info.json"])
    with pytest.raises(DataError, match="says no width and height"):
        picture_of(Canvas(1, 1, "s"), lambda address: {"width": "9", "height": 9})


@pytest.mark.parametrize(
    ("fragment", "square", "expected"),
    [
        (Fragment(10, 20, 30, 40), "keep", Region(20, 40, 60, 80)),
        (Fragment(10, 20, 30, 40, True), "keep", Region(200, 200, 600, 400)),
        (Fragment(10, 20, 30, 40), "expand", Region(10, 40, 80, 80)),
        (Fragment(10, 20, 30, 40), "crop", Region(20, 50, 60, 60)),
        (Fragment(-10, 20, 40, 40), "expand", Region(0, 40, 80, 80)),  # moved inside
        (Fragment(-10, 20, 40, 40), "keep", Region(0, 40, 60, 80)),  # cut at the edge
        (Fragment(980, 20, 40, 40), "expand", Region(1920, 40, 80, 80)),
        (None, "keep", Region(0, 0, 2000, 1000)),
        (None, "expand", Region(500, 0, 1000, 1000)),
        (Fragment(0, 0, 1000, 500), "crop", Region(500, 0, 1000, 1000)),
    ],
)
def test_regions_are_scaled_squared_and_kept_inside(fragment: Any, square: Square, expected: Region) -> None:
    assert region(fragment, square) == expected


def test_a_region_outside_the_page_is_refused() -> None:
    with pytest.raises(DataError, match=r"its region 2400,0,20,20 lies outside the page"):
        region(Fragment(1200, 0, 10, 10))
    with pytest.raises(DataError, match="its canvas says no width"):
        region_of(Fragment(0, 0, 1, 1), Canvas(0, 0, "s"), PICTURE, "keep")
