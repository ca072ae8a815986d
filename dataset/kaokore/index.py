"""KaoKore's index of one version: each picture's address, labels, split and tags, checked against each other."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from dataset.image_api import ImageAddress, parse_address
from dataset.kaokore.labels import LABEL_SETS, LabelRow, read_labels
from dataset.kaokore.tags import Tags, book_of, official_labels, read_tags, tag_labels, tag_sets
from dataset.kaokore.versions import INDEX_FILES, LABELS_FILE, TAGS_FILE, URLS_FILE, VERSIONS
from torch_utils.errors import ConfigError, DataError
from torch_utils.labels import LabelSet

PLACE_IN_V1_2 = 4683  # v1.1's rows without address: their number in v1.2 is greater by this


class MetadataError(DataError):
    """Index files that are not those of the version, or that contradict each other; exit status 4."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One picture of a version.

    Attributes:
        address: where it is to be had; None for the rows of v1.1 whose addresses the version forgot.
        row: its row in labels.csv; None where gender or status is outside the classes.
        labels: {set name: class index} from the tags (direction, era, holder, work), without gaps.
        book: catalogue number; "" where unknown.
    """

    name: str
    address: ImageAddress | None
    row: LabelRow | None
    tags: Tags = field(repr=False)
    labels: Mapping[str, int]
    book: str

    def label(self, set_name: str) -> int | None:
        """Class index in any label set, None in the gaps."""
        if set_name in ("gender", "status"):
            return getattr(self.row, set_name) if self.row else None
        return self.labels.get(set_name)

    @property
    def split(self) -> str | None:
        """The official split; None where it is unlabelled."""
        return self.row.split if self.row else None


@dataclass(frozen=True, kw_only=True)
class Index:
    """A version's records in the order of their names, and its files as they were read."""

    version: str
    records: tuple[Record, ...]
    label_sets: tuple[LabelSet, ...]
    files: Mapping[str, bytes] = field(repr=False)
    url_lines: int
    borrowed: Mapping[str, str] = field(default_factory=dict)  # addresses that the version's own list lacks

    @property
    def reachable(self) -> tuple[Record, ...]:
        """The records that have an address."""
        return tuple(record for record in self.records if record.address)

    @property
    def by_name(self) -> dict[str, Record]:
        """Records by file name."""
        return {record.name: record for record in self.records}


def read_index(files: Mapping[str, bytes], version: str, where: str, *, unpinned: bool = False) -> Index:
    """Read and check the three index files of a version.

    Args:
        files: labels.csv, urls.txt and original_tags.txt by name.
        where: begins every error, for example "kaokore-metadata.zip: dataset_v1.3".
        unpinned: accept other bytes than the official ones.
    Raises:
        MetadataError: other bytes than those pinned, files of the wrong form, or files that contradict each other.
    """
    known_version(version)
    for file in () if unpinned else INDEX_FILES:
        found, pinned = hashlib.sha256(files[file]).hexdigest(), VERSIONS[version].digests[file]
        if found != pinned:
            raise MetadataError(
                f"{where}: {file} has the SHA-256 {found[:12]}…, v{version}'s is {pinned[:12]}…. Fetch it "
                "again, choose the right --version, or add --allow-unpinned."
            )
    try:
        return _join(files, version, where)
    except MetadataError:
        raise
    except DataError as error:
        raise MetadataError(str(error)) from error


def known_version(version: str) -> str:
    """The version itself; raises ConfigError where there is none of that name."""
    if version not in VERSIONS:
        raise ConfigError(f"--version {version}: no such version of KaoKore. Use one of {', '.join(VERSIONS)}.")
    return version


def _join(files: Mapping[str, bytes], version: str, where: str) -> Index:
    lines = files[URLS_FILE].decode("utf-8", "replace").removesuffix("\n").split("\n")
    addresses = {
        f"{number:08d}.jpg": parse_address(line, f"{where}: {URLS_FILE}: line {number + 1}")
        for number, line in enumerate(lines)
        if line  # an empty line is a hole in the numbering
    }
    rows = read_labels(files[LABELS_FILE], f"{where}: {LABELS_FILE}")
    tags = read_tags(files[TAGS_FILE], f"{where}: {TAGS_FILE}")
    _check_names(addresses, rows, tags, where)
    extra_sets = tag_sets(tags.values())
    records = []
    for name in sorted(tags):
        place = f"{where}: {TAGS_FILE}: {name}"
        _check_labels(rows.get(name), tags[name], place)
        records.append(
            Record(
                name=name,
                address=addresses.get(name),
                row=rows.get(name),
                tags=tags[name],
                labels=tag_labels(tags[name], extra_sets, place),
                book=book_of(tags[name]) or "",
            )
        )
    return Index(
        version=version,
        records=tuple(records),
        label_sets=(*LABEL_SETS, *extra_sets),
        files=files,
        url_lines=len(lines),
    )


def _check_names(
    addresses: Mapping[str, ImageAddress], rows: Mapping[str, LabelRow], tags: Mapping[str, Tags], where: str
) -> None:
    for what, names in ((URLS_FILE, addresses.keys()), (LABELS_FILE, rows.keys())):
        without = sorted(names - tags.keys())
        if without:
            raise MetadataError(
                f"{where}: {len(without)} pictures of {what} are not in {TAGS_FILE} (first: {without[0]}). "
                "Take all three files from one version."
            )
    odd = [name for name in tags if PurePosixPath(name).name != name or not name.endswith(".jpg")]
    if odd:
        raise MetadataError(f"{where}: {TAGS_FILE}: {odd[0]!r} is not a plain file name. Use the official file.")


def _check_labels(row: LabelRow | None, tags: Tags, where: str) -> None:
    by_tags = official_labels(tags)
    if (row and (row.gender, row.status)) != by_tags:
        raise MetadataError(
            f"{where}: its tags say {_classes(by_tags)}, labels.csv says {_classes(row and (row.gender, row.status))}. "
            "Take all files from one version."
        )


def _classes(labels: tuple[int, int] | None) -> str:
    if labels is None:
        return "nothing"
    return " ".join(label_set.classes[index] for label_set, index in zip(LABEL_SETS, labels, strict=True))


def completed(index: Index, newer: Index) -> Index:
    """v1.1 with the addresses that it forgot taken from v1.2, where the tags are the same.

    Raises:
        MetadataError: v1.2 has no such picture, or describes it otherwise.
    """
    known = newer.by_name

    def complete(record: Record) -> Record:
        if record.address:
            return record
        twin = known.get(f"{int(record.name.removesuffix('.jpg')) + PLACE_IN_V1_2:08d}.jpg")
        if twin is None or not twin.address or twin.tags != record.tags:
            raise MetadataError(
                f"v{newer.version} has no picture with the tags of v{index.version}'s {record.name}. "
                "Use the official files."
            )
        return replace(record, address=twin.address)

    records = tuple(map(complete, index.records))
    without = {record.name for record in index.records if not record.address}
    return replace(index, records=records, borrowed={r.name: str(r.address) for r in records if r.name in without})


def with_borrowed(index: Index, borrowed: Mapping[str, str], where: str) -> Index:
    """An index with addresses that another version's list gave."""
    records = tuple(
        replace(record, address=parse_address(borrowed[record.name], where)) if record.name in borrowed else record
        for record in index.records
    )
    return replace(index, records=records, borrowed=borrowed)
