"""Whether a folder of KaoKore is complete and as it was fetched: every file hashed and decoded, every gap named."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dataset.convert import upright
from dataset.decode import PictureError, decode, open_header
from dataset.kaokore.adopt import accept_any
from dataset.kaokore.folder import SIDE, KaokoreFolder, open_folder
from dataset.kaokore.index import Index, Record
from dataset.kaokore.labels import SPLITS
from dataset.near_duplicates import Look as Appearance
from dataset.near_duplicates import look_of
from dataset.report import alike_lines
from dataset.text_table import aligned
from dataset.web.acceptance import Accepted
from dataset.web.journal import Entry, read_journal

COMPLETE, INCOMPLETE, DAMAGED = 0, 3, 5
THREADS = 4
NAMED = 5  # names to show of a list


@dataclass(frozen=True)
class Look:
    """What was found of one picture; `problem` is "" where it is as it should be."""

    record: Record
    missing: bool = False
    problem: str = ""
    sha256: str = ""
    accepted: Accepted | None = None
    appearance: Appearance | None = None


@dataclass(frozen=True)
class Verification:
    """All that was found; `status` is the exit status."""

    folder: KaokoreFolder
    index: Index
    looks: Sequence[Look]
    strangers: Sequence[str]

    @property
    def missing(self) -> list[Look]:
        """Pictures that are not there."""
        return [look for look in self.looks if look.missing]

    @property
    def damaged(self) -> list[Look]:
        """Pictures that are not what they should be."""
        return [look for look in self.looks if look.problem]

    @property
    def status(self) -> int:
        """0 complete, 3 incomplete, 5 damaged or changed."""
        return DAMAGED if self.damaged else INCOMPLETE if self.missing else COMPLETE


def verify(path: Path, *, deep: bool = False) -> Verification:
    """Look at every picture of a folder that fetch or adopt made.

    Args:
        deep: look for pictures that show the same, too.
    Raises:
        DataError: no such folder.
        MetadataError: its index files are not those of its version.
    """
    folder = open_folder(path)
    index = folder.index()
    entries = read_journal(folder.journal)
    with ThreadPoolExecutor(THREADS) as pool:
        looks = list(pool.map(lambda record: _look(record, folder, entries, deep), index.reachable))
    names = {record.name for record in index.reachable}
    present = {item.name for item in folder.images.iterdir()} if folder.images.is_dir() else set()
    strangers = sorted(name for name in present - names if not name.startswith("."))
    return Verification(folder, index, looks, strangers)


def _look(record: Record, folder: KaokoreFolder, entries: Mapping[str, Entry], deep: bool) -> Look:
    try:
        body = folder.picture(record.name).read_bytes()
    except FileNotFoundError:
        return Look(record, missing=True)
    except OSError as error:
        return Look(record, problem=f"cannot be read ({error.strerror or error})")
    digest = hashlib.sha256(body).hexdigest()
    try:
        accepted = accept_any(body, record, folder)
    except PictureError as error:
        return Look(record, problem=str(error), sha256=digest)
    entry = entries.get(record.name)
    problem = "in no line of the journal" if entry is None else ""
    if entry and entry["sha256"] != digest:
        problem = f"its SHA-256 is {digest[:12]}…, but {entry['sha256'][:12]}… was written"
    if not deep:
        return Look(record, problem=problem, sha256=digest, accepted=accepted)
    picture = open_header(body)
    decode(picture)
    return Look(record, False, problem, digest, accepted, look_of(upright(picture)))


def verification_lines(found: Verification) -> list[str]:
    """The report: what is there by host and split, what is missing, what is wrong, what is worth knowing."""
    return [
        f"{found.folder.path}: KaoKore v{found.index.version}, {found.folder.mode} mode",
        *_table(found),
        *_sizes(found),
        *_missing(found),
        *(f"damaged: {look.record.name}: {look.problem}" for look in found.damaged),
        *_strangers(found.strangers),
        *_alike(found),
        _verdict(found),
    ]


def _table(found: Verification) -> list[str]:
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for look in found.looks:
        assert look.record.address
        kind = "missing" if look.missing else "damaged" if look.problem else "whole"
        for key in (("host", look.record.address.host), ("split", look.record.split or "(unlabelled)"), ("", "all")):
            groups[key][kind] += 1
    splits = [("split", name) for name in (*SPLITS, "(unlabelled)")]
    order = [*sorted(key for key in groups if key[0] == "host"), *splits, ("", "all")]
    rows = [["", "", "listed", "whole", "missing", "damaged"]]
    for key in (key for key in order if key in groups):
        kinds = groups[key]
        rows.append([*key, str(kinds.total()), *(str(kinds[kind]) for kind in ("whole", "missing", "damaged"))])
    return aligned(rows)


def _sizes(found: Verification) -> Iterator[str]:
    """Pictures of the size that their address asks for, which is not the size of the data set."""
    if found.folder.mode == "native":
        return
    sizes = Counter((look.accepted.width, look.accepted.height) for look in found.looks if look.accepted)
    odd = {size: count for size, count in sizes.items() if size != (SIDE, SIDE)}
    if odd:
        shown = ", ".join(f"{count} of {width}×{height}" for (width, height), count in sorted(odd.items()))
        yield f"as listed, but not {SIDE}×{SIDE}: {shown}"


def _missing(found: Verification) -> Iterator[str]:
    by_host: dict[str, list[str]] = defaultdict(list)
    for look in found.missing:
        assert look.record.address
        by_host[look.record.address.host].append(look.record.name)
    for host, names in sorted(by_host.items()):
        listed = sum(bool(r.address and r.address.host == host) for r in found.index.reachable)
        amount = "all" if len(names) == listed else f"{len(names)} of {listed}"
        yield f"missing: {amount} pictures of {host} ({_some(names)})"
    without = [record.name for record in found.index.records if not record.address]
    if without:
        yield f"without an address, so not to be had: {len(without)} ({_some(without)})"


def _strangers(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"not of this version: {len(names)} files ({_some(names)})"


def _alike(found: Verification) -> list[str]:
    """Near-duplicates, where verify looked for them."""
    seen = [look for look in found.looks if look.appearance]
    if not seen:
        return []
    appearances = [look.appearance for look in seen if look.appearance]
    return alike_lines(appearances, [look.record.split for look in seen], [look.record.name for look in seen])


def _verdict(found: Verification) -> str:
    if found.damaged:
        return f"damaged: {len(found.damaged)} pictures. Fetch again: they are replaced."
    if found.missing:
        return f"incomplete: {len(found.missing)} of {len(found.looks)} pictures are missing. Fetch to go on."
    return f"complete: all {len(found.looks)} pictures are there and whole"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
