"""Collecting a curation: its regions fetched as large as they are, made square and of one size, with their labels."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dataset.convert import Conversion, convert, encode
from dataset.iiif.canvases import Square, canvases_of, picture_of, region_of
from dataset.iiif.documents import Documents, parse
from dataset.iiif.labels import label_sets_of
from dataset.iiif.selections import Selection, selections_of, text_of
from dataset.image_api import ImageAddress, Region
from dataset.manifest import NAME as MANIFEST
from dataset.web.acceptance import Expected
from dataset.web.downloads import Downloads, Job, Rung
from dataset.web.exclusive import only_run
from dataset.web.http import Limits, Web
from dataset.web.journal import NAME as JOURNAL
from dataset.web.journal import Journal
from dataset.web.manners import Manners
from dataset.web.progress import Progress
from dataset.web.user_agent import user_agent
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import sweep, write_text
from torch_utils.text import printable

PICTURES, FAILED, BAD, ABOUT = "pictures", "failed.tsv", ".bad", "iiif.json"
QUALITIES = (("max", "default"), ("full", "default"), ("full", "native"))  # versions 3 and 2.1, 2.0, 1
ANY = Expected("any")
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class CollectOptions:
    """What `iiif` is asked for.

    Attributes:
        size: side of the pictures, a power of two.
        documents: folder with documents at host/path; offline asks for no other.
    """

    size: int = 256
    square: Square = "expand"
    whole_pages: bool = False
    documents: Path | None = None
    offline: bool = False
    limit: int | None = None
    contact: str = ""
    moved: Mapping[str, str] = field(default_factory=dict)
    allowed: Sequence[str] = ()
    insecure: bool = False
    manners: Manners = field(default_factory=Manners)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Crop:
    """A selection with the region that will be asked for."""

    name: str
    selection: Selection
    service: str
    region: Region


@dataclass(frozen=True)
class Collected:
    """What came of it: pictures that are there, reasons why others are not."""

    there: int
    failed: Mapping[str, str]
    label_sets: tuple[str, ...]


def collect(source: str, out: Path, options: CollectOptions, say: Say) -> Collected:
    """Fetch the regions of a curation or manifest into `out`, with a dataset.json that `pack` reads.

    Args:
        source: address or file of the document.
    Raises:
        DataError: it cannot be read, or selects nothing.
        ConfigError: `out` holds another collection.
        StorageError: `out` cannot be written.
    """
    conversion = Conversion(resolution=options.size, crop="pad" if options.square == "keep" else "center")
    web = Web(
        user_agent=user_agent(options.contact),
        origins=options.allowed,
        moved=options.moved,
        insecure=options.insecure,
        connections=options.manners.in_all,
        limits=options.limits,
    )
    documents = Documents(
        None if options.offline else web, options.manners, local=options.documents, allowed=options.allowed
    )
    document = _document(source, documents)
    selections = selections_of(document, documents.get, source, whole_pages=options.whole_pages)[: options.limit]
    crops, failed = _crops(selections, documents, options, say)
    with only_run(out):
        _begin(out, source, options)
        failed |= _fetch(crops, out, web, conversion, options, say)
        there = [crop for crop in crops if (out / PICTURES / crop.name).exists()]
        sets = _describe(out, document, there, source, say)
        rows = [f"{name}\t{printable(reason)}\n" for name, reason in sorted(failed.items())]
        write_text(out / FAILED, "".join(["name\treason\n", *rows]))
    return Collected(len(there), failed, sets)


def _document(source: str, documents: Documents) -> dict[str, Any]:
    if source.startswith(("http://", "https://")):
        return documents.get(source)
    try:
        return parse(Path(source).read_bytes(), source)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror or error}). Give an address or a file.") from error


def _crops(
    selections: Sequence[Selection], documents: Documents, options: CollectOptions, say: Say
) -> tuple[list[Crop], dict[str, str]]:
    """Where each selection lies; those that lead nowhere with the reason."""
    crops, failed = [], {}
    for number, selection in enumerate(tqdm(selections, unit="regions", disable=None, leave=False)):
        name = f"{number:06d}.png"
        try:
            canvas = canvases_of(documents.get(selection.manifest)).get(selection.canvas)
            if canvas is None:
                raise DataError(f"its manifest has no canvas {selection.canvas}")
            picture = picture_of(canvas, documents.get)
            documents.allow(picture.service)
            region = region_of(selection.fragment, canvas, picture, options.square)
        except DataError as error:
            failed[name] = str(error)
            say(f"not to be had: {name}: {printable(str(error))}")
            continue
        crops.append(Crop(name, selection, picture.service, region))
    small = sum(max(crop.region.w, crop.region.h) < options.size for crop in crops)
    if small:
        say(f"{small} of {len(crops)} regions are smaller than {options.size} pixels and will be enlarged")
    return crops, failed


def _begin(out: Path, source: str, options: CollectOptions) -> None:
    about = {"source": source, "size": options.size, "square": options.square, "whole_pages": options.whole_pages}
    if (out / ABOUT).exists() and json.loads((out / ABOUT).read_text(encoding="utf-8")) != about:
        raise ConfigError(f"--out {out}: holds another collection, or one of another size. Choose another folder.")
    for folder in (out / PICTURES, out / BAD):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    write_text(out / ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def _fetch(
    crops: Sequence[Crop], out: Path, web: Web, conversion: Conversion, options: CollectOptions, say: Say
) -> dict[str, str]:
    journal = Journal(out / JOURNAL)
    jobs = [job for crop in crops if not _is_there(job := _job(crop, out, conversion), journal)]
    say(f"{len(crops) - len(jobs)} of {len(crops)} pictures are there, {len(jobs)} to fetch")
    failed = {}
    totals = {host: sum(job.host == host for job in jobs) for host in sorted({job.host for job in jobs})}
    try:
        with Progress(totals, say) as progress, Downloads(jobs, web, options.manners, journal, out / BAD) as running:
            for outcome in running:
                progress.add(outcome.job.host, outcome.entry is not None)
                if outcome.entry is None:
                    failed[outcome.job.name] = outcome.reason
    finally:
        journal.close()
    return failed


def _job(crop: Crop, out: Path, conversion: Conversion) -> Job:
    def finish(body: bytes) -> bytes:
        return encode(convert(body, conversion), conversion)

    scheme, _, rest = crop.service.partition("://")
    host, _, identifier = rest.partition("/")
    rungs = [
        Rung(
            name="" if (size, quality) == QUALITIES[0] else f"{size} {quality}",
            url=f"{crop.service}/{crop.region}/{size}/0/{quality}.jpg",
            expected=ANY,
            finish=finish,
        )
        for size, quality in QUALITIES
    ]
    crop_id = ImageAddress(scheme, host, identifier, crop.region, "max").crop_id
    facts = {"name": crop.name, "crop_id": crop_id, "canvas": crop.selection.canvas}
    return Job(name=crop.name, host=host, path=out / PICTURES / crop.name, rungs=rungs, facts=facts)


def _is_there(job: Job, journal: Journal) -> bool:
    entry = journal.entries.get(job.name)
    return job.path.exists() and entry is not None and entry.get("crop_id") == job.facts["crop_id"]


def _describe(out: Path, document: dict[str, Any], there: Sequence[Crop], source: str, say: Say) -> tuple[str, ...]:
    """Write dataset.json: labels, crops and what the document says of rights."""
    sets, labels, notes = label_sets_of([crop.selection for crop in there])
    for note in notes:
        say(note)
    names = [f"{PICTURES}/{crop.name}" for crop in there]
    described = {
        "labels": None,
        "label_sets": {
            s.name: {"classes": list(s.classes), "labels": dict(zip(names, labels[s.name], strict=True))} for s in sets
        },
        "source": f"IIIF: {text_of(document.get('label')) or source}",
        "attribution": text_of(document.get("attribution") or _statement(document)),
        "licence": text_of(document.get("license") or document.get("rights")),
        "original_names": {name: f"{c.selection.canvas}#{c.region}" for name, c in zip(names, there, strict=True)},
        "crops": {
            name: {
                "page": crop.service.partition("://")[2],
                "region": [crop.region.x, crop.region.y, crop.region.w, crop.region.h],
                "book": crop.selection.manifest,
            }
            for name, crop in zip(names, there, strict=True)
        },
    }
    write_text(out / MANIFEST, json.dumps(described, indent=0, ensure_ascii=False) + "\n")
    return tuple(label_set.name for label_set in sets)


def _statement(document: dict[str, Any]) -> Any:
    """Presentation 3's requiredStatement."""
    statement = document.get("requiredStatement")
    return statement.get("value") if isinstance(statement, dict) else ""
