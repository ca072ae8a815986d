"""Which regions a document selects: CODH's Curation, ranges and annotations of Presentation 2 and 3.

Sources: IIIF Curation API 1.0 (CODH), Presentation API 2.1 and 3.0, W3C Media Fragments 1.0.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch_utils.errors import DataError

FRAGMENT = re.compile(r"(?:^|&)xywh=(?:(pixel|percent):)?(-?[\d.]+),(-?[\d.]+),([\d.]+),([\d.]+)(?:&|$)")
Get = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Fragment:
    """A rectangle in canvas units or in percent."""

    x: float
    y: float
    w: float
    h: float
    percent: bool = False


@dataclass(frozen=True)
class Selection:
    """A region of a canvas, or a whole one, with what is said of it.

    Attributes:
        manifest: address of the manifest that holds the canvas.
        metadata: (label, value) pairs in their order; labels may repeat.
    """

    manifest: str
    canvas: str
    fragment: Fragment | None
    metadata: tuple[tuple[str, str], ...]


def selections_of(document: dict[str, Any], get: Get, where: str, *, whole_pages: bool) -> list[Selection]:
    """All regions of a curation or a manifest, in its order.

    Args:
        get: gives further documents by address.
        whole_pages: also take selections without a region.
    Raises:
        DataError: of another kind, selects nothing, or names what cannot be had.
    """
    kind = str(document.get("@type") or document.get("type") or "")
    reader = READERS.get(kind.rpartition(":")[2].rpartition("#")[2])
    if reader is None:
        raise DataError(f"{where}: of type {kind[:60] or 'none'}, not a Curation or a Manifest. Give such a document.")
    found = list(reader(document, get))
    chosen = [selection for selection in found if selection.fragment or whole_pages]
    if not chosen:
        raise DataError(
            f"{where}: selects no region ({len(found)} whole pages). Add --whole-pages to take pages as they are."
        )
    return chosen


def _curation(document: dict[str, Any], get: Get) -> Iterator[Selection]:
    for range_ in as_list(document.get("selections")):
        within = range_.get("within")
        manifest = identifier(within[0] if isinstance(within, list) and within else within)
        for member in as_list(range_.get("members") or range_.get("canvases")):
            yield _selected(manifest, identifier(member), metadata_of(member))


def _manifest_2(document: dict[str, Any], get: Get) -> Iterator[Selection]:
    manifest = identifier(document)
    for range_ in as_list(document.get("structures")):
        label = (("range", text),) if (text := text_of(range_.get("label"))) else ()
        for member in [*as_list(range_.get("canvases")), *as_list(range_.get("members"))]:
            if not isinstance(member, dict) or member.get("@type") in (None, "sc:Canvas"):
                yield _selected(manifest, identifier(member), (*label, *metadata_of(member)))
    for canvas in _canvases_2(document):
        yield _selected(manifest, identifier(canvas), ())
        for other in as_list(canvas.get("otherContent")):
            listed = other if isinstance(other, dict) and "resources" in other else get(identifier(other))
            for annotation in as_list(listed.get("resources")):
                said = text_of(first_of(annotation.get("resource")).get("chars"))
                for target in as_list(annotation.get("on")):
                    yield _target(manifest, target, said)


def _manifest_3(document: dict[str, Any], get: Get) -> Iterator[Selection]:
    manifest = identifier(document)
    for range_ in as_list(document.get("structures")):
        yield from _range_3(manifest, range_)
    for canvas in as_list(document.get("items")):
        yield _selected(manifest, identifier(canvas), ())
        for page in as_list(canvas.get("annotations")):
            listed = page if "items" in page else get(identifier(page))
            for annotation in as_list(listed.get("items")):
                bodies = [body for body in as_list(annotation.get("body")) if isinstance(body, dict)]
                said = " ".join(text_of(body.get("value")) for body in bodies).strip()
                for target in as_list(annotation.get("target")):
                    yield _target(manifest, target, said)


def _range_3(manifest: str, range_: dict[str, Any]) -> Iterator[Selection]:
    label = text_of(range_.get("label"))
    for item in as_list(range_.get("items")):
        if isinstance(item, dict) and item.get("type") == "Range":
            yield from _range_3(manifest, item)
        else:
            found = _target(manifest, item, "")
            yield Selection(found.manifest, found.canvas, found.fragment, (("range", label),) if label else ())


def _manifest(document: dict[str, Any], get: Get) -> Iterator[Selection]:
    return _manifest_3(document, get) if document.get("type") == "Manifest" else _manifest_2(document, get)


READERS = {"Curation": _curation, "Manifest": _manifest}


def _canvases_2(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for sequence in as_list(document.get("sequences")):
        yield from (canvas for canvas in as_list(sequence.get("canvases")) if isinstance(canvas, dict))


def _target(manifest: str, target: Any, said: str) -> Selection:
    """What an annotation is about: an address with fragment, or a resource with a selector."""
    metadata = (("text", said),) if said else ()
    if isinstance(target, str) or "selector" not in target:
        return _selected(manifest, identifier(target), metadata)
    source = target.get("source") or target.get("full")
    selector = first_of(target["selector"])
    value = str(selector.get("value") or first_of(selector.get("default")).get("value") or "")
    return Selection(manifest, identifier(source).partition("#")[0], read_fragment(value), metadata)


def _selected(manifest: str, address: str, metadata: tuple[tuple[str, str], ...]) -> Selection:
    canvas, _, fragment = address.partition("#")
    return Selection(manifest, canvas, read_fragment(fragment), metadata)


def read_fragment(text: str) -> Fragment | None:
    """`xywh=1,2,3,4`, `xywh=pixel:…` or `xywh=percent:…`; None where there is none or it is empty."""
    match = FRAGMENT.search(text)
    if not match:
        return None
    try:
        x, y, w, h = (float(number) for number in match.groups()[1:])
    except ValueError:
        return None
    return Fragment(x, y, w, h, match[1] == "percent") if w > 0 and h > 0 else None


def metadata_of(member: Any) -> tuple[tuple[str, str], ...]:
    """The pairs of label and value; annotations in their place are passed over."""
    entries = as_list(member.get("metadata")) if isinstance(member, dict) else []
    pairs = []
    for entry in entries:
        values = entry.get("value") if isinstance(entry, dict) else None
        for value in values if isinstance(values, list) else [values]:
            is_annotation = isinstance(value, dict) and ("@type" in value or "type" in value)
            if not is_annotation and (text := text_of(value)):
                pairs.append((text_of(entry.get("label")), text))
    return tuple(pairs)


def text_of(value: Any) -> str:
    """A text, the first of a list, or of a language map of version 2 or 3."""
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    if isinstance(value, dict):
        return text_of(value["@value"] if "@value" in value else next(iter(value.values()), ""))
    return str(value).strip() if value is not None else ""


def identifier(thing: Any) -> str:
    """The address of a thing that is given as one or as an object; "" where it has none."""
    if isinstance(thing, dict):
        thing = thing.get("@id") or thing.get("id") or ""
    return thing if isinstance(thing, str) else ""


def as_list(value: Any) -> list[Any]:
    """A list, whatever it was."""
    return value if isinstance(value, list) else [] if value is None else [value]


def first_of(value: Any) -> dict[str, Any]:
    """The first object of a list, or the object itself; an empty one where there is none."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}
