"""Taking over pictures that the official script has fetched: offline, checked one by one, bytes kept as they are."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from dataset.decode import PictureError
from dataset.kaokore.folder import FAILED, KaokoreFolder, sizes
from dataset.kaokore.index import Index, Record
from dataset.kaokore.labels import FOLDER
from dataset.kaokore.versions import LABELS_FILE, version_of
from dataset.sources import Source, open_source
from dataset.web.acceptance import Accepted, accept
from dataset.web.exclusive import only_run
from dataset.web.journal import Entry, Journal
from torch_utils.errors import DataError
from torch_utils.files import atomic_write, write_text
from torch_utils.text import printable


@dataclass(frozen=True)
class Adoption:
    """How many pictures were taken over, and why others were not: {name: reason}."""

    adopted: int
    rejected: dict[str, str]


def adopt(images: Path, index: Index, folder: KaokoreFolder, say: Callable[[str], None]) -> Adoption:
    """Copy the pictures of a folder or zip that belong to a version, and write the journal.

    Raises:
        DataError: no pictures, pictures of another version, or a labels.csv of another.
        StorageError: disk full, or another run writes into the folder.
    """
    with open_source(images) as source, only_run(folder.path):
        found = _pictures(source, index)
        folder.begin(index)
        journal = Journal(folder.journal)
        rejected = {}
        for record in index.reachable:
            if record.name not in found:
                continue
            try:
                body = source.read(found[record.name])
                accepted = accept_any(body, record, folder)
            except (PictureError, DataError, OSError) as error:
                rejected[record.name] = str(error)
                say(f"not adopted: {record.name}: {printable(str(error))}")
                continue
            if not folder.picture(record.name).exists() or folder.picture(record.name).read_bytes() != body:
                with atomic_write(folder.picture(record.name)) as temporary:
                    temporary.write_bytes(body)
            journal.add(entry_of(record, body, accepted, "adopted"))
        journal.close()
        folder.write_hashes()
        write_failures(folder, index, rejected)
    return Adoption(len(found) - len(rejected), rejected)


def accept_any(body: bytes, record: Record, folder: KaokoreFolder) -> Accepted:
    """Check a picture against the sizes that its address may give. Raises PictureError."""
    assert record.address
    first, *others = sizes(record.address, folder.mode)
    try:
        return accept(body, first)
    except PictureError:
        for other in others:
            return accept(body, other)
        raise


def facts_of(record: Record) -> Entry:
    """What the journal says of every picture, however it came."""
    assert record.address
    return {"name": record.name, "crop_id": record.address.crop_id, "listed": str(record.address)}


def entry_of(record: Record, body: bytes, accepted: Accepted, status: str) -> Entry:
    """A journal entry of a picture that was not fetched by this run."""
    return facts_of(record) | {
        "status": status,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        **asdict(accepted),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_failures(folder: KaokoreFolder, index: Index, reasons: dict[str, str]) -> int:
    """Write failed.tsv: every picture that has an address and no file; how many."""
    lines = ["name\thost\taddress\treason\n"]
    for record in index.reachable:
        if record.address and not folder.picture(record.name).exists():
            reason = printable(reasons.get(record.name, "not there"))
            lines.append(f"{record.name}\t{record.address.host}\t{record.address}\t{reason}\n")
    write_text(folder.path / FAILED, "".join(lines))
    return len(lines) - 1


def _pictures(source: Source, index: Index) -> dict[str, str]:
    """{name in the index: name in the source}; refused where any of them is not of the version."""
    _check_labels(source, index.version)
    inside = [name for name in source.pictures if FOLDER in PurePosixPath(name).parts[:-1]]
    found: dict[str, str] = {}
    for path in inside or source.pictures:
        name = PurePosixPath(path).name
        if name in found:
            raise DataError(
                f"{source.path}: holds {name} twice ({found[name]}, {path}). Give the folder of one version."
            )
        found[name] = path
    if not found:
        raise DataError(f"{source.path}: holds no pictures. Give the folder that the official script made.")
    strangers = sorted(found.keys() - {record.name for record in index.reachable})
    if strangers:
        raise DataError(
            f"{source.path}: {len(strangers)} of {len(found)} pictures are not in v{index.version} (first: "
            f"{strangers[0]}). Names differ between versions: choose the right --version."
        )
    return found


def _check_labels(source: Source, version: str) -> None:
    for name in source.files:
        if PurePosixPath(name).name == LABELS_FILE:
            other = version_of(source.read(name), LABELS_FILE)
            if other not in (None, version):
                raise DataError(
                    f"{source.path}: its {name} is v{other}'s, --version is {version}. Names differ between versions: "
                    "choose the right one."
                )
