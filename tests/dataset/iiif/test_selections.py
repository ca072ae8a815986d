from typing import Any

import pytest

from dataset.iiif.selections import Fragment, metadata_of, read_fragment, selections_of, text_of
from tests.support.drawn_curation import BASE, FACES, curation, manifest_2, manifest_3
from torch_utils.errors import DataError

FRAGMENTS = [Fragment(*(float(n) for n in face[1].split(","))) for face in FACES]


def nothing(address: str) -> dict[str, Any]:
    raise DataError(f"{address}: not asked for")


def select(document: dict[str, Any], get: Any = nothing, *, whole_pages: bool = False):
    return selections_of(document, get, "drawn", whole_pages=whole_pages)


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("xywh=120,80,96,96", Fragment(120, 80, 96, 96)),
        ("xywh=pixel:1.5,-2,3,4.25", Fragment(1.5, -2, 3, 4.25)),
        ("xywh=percent:10,20,30,40", Fragment(10, 20, 30, 40, True)),
        ("t=3&xywh=1,2,3,4&x=y", Fragment(1, 2, 3, 4)),
        ("", None),
        ("t=3", None),
        ("xywh=1,2,0,4", None),
        ("xywh=1,2,3", None),
        ("xywh=1.2.3,2,3,4", None),
    ],
)
def test_fragments_are_read_in_all_their_forms(text: str, fragment: Fragment | None) -> None:
    assert read_fragment(text) == fragment


def test_a_curation_gives_its_regions_in_order_with_their_metadata() -> None:
    found = select(curation())
    assert [selection.fragment for selection in found] == FRAGMENTS
    assert [selection.canvas for selection in found] == [f"{BASE}/book/B001/canvas/{face[0]}" for face in FACES]
    assert {selection.manifest for selection in found} == {f"{BASE}/book/B001/manifest.json"}
    assert found[0].metadata[:3] == (("性別", "男"), ("身分", "貴族"), ("向き", "四分の三"))
    assert "注" not in dict(found[0].metadata)  # an annotation is no value


@pytest.mark.parametrize("within", [f"{BASE}/m", {"@id": f"{BASE}/m"}, [{"@id": f"{BASE}/m"}], [f"{BASE}/m"]])
@pytest.mark.parametrize("form", ["strings", "objects"])
def test_ranges_may_name_manifests_and_canvases_in_several_forms(within: Any, form: str) -> None:
    canvases: list[Any] = [f"{BASE}/c#xywh=1,2,3,4", f"{BASE}/d#xywh=5,6,7,8"]
    if form == "objects":
        canvases = [{"@id": canvas, "label": "x"} for canvas in canvases]
    document = {"@type": "cr:Curation", "selections": [{"within": within, "canvases": canvases}]}
    assert [(s.manifest, s.canvas) for s in select(document)] == [
        (f"{BASE}/m", f"{BASE}/c"),
        (f"{BASE}/m", f"{BASE}/d"),
    ]


def test_ranges_of_version_2_select_regions() -> None:
    canvas = f"{BASE}/book/B001/canvas/p1"
    ranges = [{"label": "Faces", "canvases": [f"{canvas}#xywh=1,2,3,4", canvas]}]
    (found,) = select(manifest_2(structures=ranges))
    assert (found.canvas, found.fragment, found.metadata) == (canvas, Fragment(1, 2, 3, 4), (("range", "Faces"),))


@pytest.mark.parametrize("apart", [False, True])
def test_annotation_lists_of_version_2_select_regions(apart: bool) -> None:
    canvas = f"{BASE}/book/B001/canvas/p1"
    annotations = [
        {"resource": {"chars": "noble"}, "on": f"{canvas}#xywh=1,2,3,4"},
        {"resource": [{"chars": "old"}], "on": {"full": canvas, "selector": {"value": "xywh=5,6,7,8"}}},
    ]
    listed = {"@id": f"{BASE}/list/1", "@type": "sc:AnnotationList", "resources": annotations}
    document = manifest_2()
    document["sequences"][0]["canvases"][0]["otherContent"] = [f"{BASE}/list/1"] if apart else [listed]
    found = select(document, {f"{BASE}/list/1": listed}.__getitem__)
    assert [(s.fragment, dict(s.metadata)["text"]) for s in found] == [
        (Fragment(1, 2, 3, 4), "noble"),
        (Fragment(5, 6, 7, 8), "old"),
    ]


def test_annotations_of_version_3_select_regions() -> None:
    found = select(manifest_3())
    assert [(s.fragment, dict(s.metadata)["text"]) for s in found] == [
        (FRAGMENTS[i], FACES[i][2])
        for i in (0, 2, 1, 3)  # in the order of the canvases
    ]


def test_nested_ranges_of_version_3_select_regions() -> None:
    canvas = f"{BASE}/book/B003/canvas/p1"
    inner = {
        "type": "Range",
        "label": {"en": ["old men"]},
        "items": [{"type": "Canvas", "id": f"{canvas}#xywh=1,2,3,4"}],
    }
    plain = {key: value for key, value in manifest_3().items() if key != "items"}
    (found,) = select(plain | {"items": [], "structures": [{"type": "Range", "items": [inner]}]})
    assert (found.canvas, found.metadata) == (canvas, (("range", "old men"),))


def test_pages_without_regions_are_taken_when_asked_for() -> None:
    with pytest.raises(DataError, match=r"selects no region \(2 whole pages\)\. Add --whole-pages"):
        select(manifest_2())
    assert [s.fragment for s in select(manifest_2(), whole_pages=True)] == [None, None]


@pytest.mark.parametrize("document", [{}, {"@type": "sc:Collection"}, {"type": "Collection"}])
def test_other_documents_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="not a Curation or a Manifest"):
        select(document)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a ", "a"),
        (["a", "b"], "a"),
        ({"@value": "a", "@language": "ja"}, "a"),
        ({"ja": ["a"], "en": ["b"]}, "a"),
        (None, ""),
        ([], ""),
        (3, "3"),
    ],
)
def test_texts_are_read_in_all_their_forms(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_metadata_may_repeat_and_be_odd() -> None:
    entries = [{"label": "a", "value": ["x", "y"]}, {"label": "a", "value": "z"}, {"label": "b"}, "c", {"value": ""}]
    assert metadata_of({"metadata": entries}) == (("a", "x"), ("a", "y"), ("a", "z"))
