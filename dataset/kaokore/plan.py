"""Which addresses to ask for a picture, best first: as listed (mended where the list is known wrong), then others.

Official mode wants 256×256 from the holder's server; native mode wants the crop as large as the holder has it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from dataset.convert import Conversion, convert, encode, upright
from dataset.decode import decode, open_header
from dataset.image_api import ImageAddress, Region
from dataset.kaokore.adopt import facts_of
from dataset.kaokore.folder import SIDE, THUMBNAIL, KaokoreFolder
from dataset.kaokore.index import Index, Record
from dataset.kaokore.labels import SPLITS
from dataset.web.acceptance import Expected
from dataset.web.downloads import Job, Rung
from torch_utils.errors import ConfigError

Border = Literal["shift", "crop", "pad"]
WHOLE = Expected("exactly", SIDE, SIDE)
ANY = Expected("any")
SQUARE = f"{SIDE},{SIDE}"


def job_of(record: Record, folder: KaokoreFolder, border: Border, raw_urls: bool, etag: str | None = None) -> Job:
    """How to fetch one picture that has an address."""
    address = record.address
    assert address
    mended = folder.mode == "official" and address.size == THUMBNAIL and not raw_urls
    facts = facts_of(record) | {"mode_of_fetch": folder.mode}
    if mended:
        facts["repair"] = f"{THUMBNAIL} → {SQUARE}"
        address = replace(address, size=SQUARE)
    rungs = native_rungs(address, border) if folder.mode == "native" else official_rungs(address, border)
    return Job(
        name=record.name,
        host=address.host,
        path=folder.picture(record.name),
        rungs=tuple(rungs),
        facts=facts,
        etag=etag,
    )


def official_rungs(address: ImageAddress, border: Border) -> Iterator[Rung]:
    """As listed; the origin moved inside; with the sign of version 3 for enlarging; the crop itself, resized here."""
    thumbnail = address.size == THUMBNAIL
    yield Rung(name="", url=str(address), expected=Expected("inside", 200, 200) if thumbnail else WHOLE)
    if thumbnail:
        return
    inner = address
    if address.region.starts_outside:
        inner = replace(address, region=_inside(address.region, border), size=SQUARE)
        if border == "pad":

            def pad(body: bytes) -> bytes:
                return _padded(body, address.region, True)

            for size in ("max", "full"):
                url = str(replace(inner, size=size))
                yield Rung(
                    name=f"pad, {size}", url=url, expected=ANY, finish=lambda b: _padded(b, address.region, True)
                )
            return
        yield Rung(name=border, url=str(inner), expected=WHOLE)
    yield Rung(name=f"^{SQUARE}", url=str(replace(inner, size=f"^{SQUARE}")), expected=WHOLE)
    for size in ("max", "full"):
        yield Rung(name=f"native {size}", url=str(replace(inner, size=size)), expected=ANY, finish=_resized)


def native_rungs(address: ImageAddress, border: Border) -> Iterator[Rung]:
    """The crop as it is, by version 3's word and by version 2's."""
    regions = {"": address.region}
    if address.region.starts_outside:
        regions[border] = _inside(address.region, border)
    for name, region in regions.items():
        pad = name == "pad"
        finish = (lambda body: _padded(body, address.region, False)) if pad else None
        for size in ("max", "full"):
            url = str(replace(address, region=region, size=size))
            label = ", ".join(part for part in (name, "" if size == "max" else size) if part)
            yield Rung(name=label, url=url, expected=ANY, finish=finish)


def _inside(region: Region, border: Border) -> Region:
    if border == "shift":
        return region.shifted()
    return region.clipped().centred_square() if border == "crop" else region.clipped()


def _resized(body: bytes) -> bytes:
    """256×256 by Lanczos, as a JPEG of high quality."""
    conversion = Conversion(resolution=SIDE, format="jpeg")
    return encode(convert(body, conversion), conversion)


def _padded(body: bytes, region: Region, resize: bool) -> bytes:
    """The crop with its outer rows and columns repeated where the page ends at the left and the top."""
    picture = open_header(body)
    decode(picture)
    pixels = np.asarray(upright(picture))
    scale = pixels.shape[0] / region.clipped().h
    left, top = (round(max(0, -edge) * scale) for edge in (region.x, region.y))
    whole = Image.fromarray(np.pad(pixels, ((top, 0), (left, 0), (0, 0)), mode="edge"))
    size = (SIDE, SIDE) if resize else whole.size
    picture = np.asarray(whole.resize(size, Image.Resampling.LANCZOS))
    return encode(picture, Conversion(resolution=SIDE, format="jpeg"))


def selected(index: Index, only: str | None, limit: int | None) -> list[Record]:
    """The pictures asked for.

    Args:
        only: a split, `labelled`, `unlabelled`, a range of numbers such as 100-199, or a part of a host's name.
    Raises:
        ConfigError: it selects nothing.
    """
    records = [record for record in index.reachable if only is None or _matches(record, only)]
    if not records:
        hosts = sorted({record.address.host for record in index.reachable if record.address})
        raise ConfigError(
            f"--only {only}: selects no picture. Use one of {', '.join((*SPLITS, 'labelled', 'unlabelled', *hosts))}, "
            "or a range such as 100-199."
        )
    return records[:limit]


def _matches(record: Record, only: str) -> bool:
    assert record.address
    if only in SPLITS:
        return record.split == only
    if only in ("labelled", "unlabelled"):
        return bool(record.row) == (only == "labelled")
    first, dash, last = only.partition("-")
    if first.isdecimal() and last.isdecimal() and dash:
        return int(first) <= int(Path(record.name).stem) <= int(last)
    return only in record.address.host


def hosts_of(records: Sequence[Record]) -> dict[str, int]:
    """{host: pictures}, in order of their names."""
    hosts: dict[str, int] = {}
    for record in sorted(records, key=lambda record: record.address.host if record.address else ""):
        if record.address:
            hosts[record.address.host] = hosts.get(record.address.host, 0) + 1
    return hosts
