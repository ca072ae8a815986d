"""What a folder or zip of KaoKore says of its pictures: labels.csv always, tags and addresses where they are there."""

import json
from collections import Counter
from collections.abc import Mapping

from dataset.facts import Facts, some
from dataset.kaokore.folder import ABOUT
from dataset.kaokore.index import Index, read_index
from dataset.kaokore.info import crop_of
from dataset.kaokore.labels import (
    ATTRIBUTION,
    FOLDER,
    LABEL_SETS,
    LICENCE,
    NATIVE_FOLDER,
    REDISTRIBUTION,
    SPLITS,
    LabelRow,
    read_labels,
    source_name,
)
from dataset.kaokore.versions import LABELS_FILE, TAGS_FILE, URLS_FILE, VERSIONS, version_of
from dataset.sources import Source
from torch_utils.errors import DataError


def is_kaokore(source: Source, prefix: str) -> bool:
    """Whether labels.csv and a folder of pictures lie at this place of the source."""
    return f"{prefix}{LABELS_FILE}" in source.files and bool(_folder(source, prefix))


def kaokore_facts(source: Source, prefix: str) -> Facts:
    """Label sets gender and status, and from the tags direction, era, holder and work; splits, books and crops.

    Raises:
        DataError: files of the wrong form, that contradict each other, or that name other pictures.
    """
    folder = _folder(source, prefix)
    pictures = {name: name.removeprefix(folder) for name in source.pictures if name.startswith(folder)}
    where = f"{source.path}: {prefix}{LABELS_FILE}"
    text = source.read(prefix + LABELS_FILE)
    rows = read_labels(text, where)
    _check(rows, pictures, folder, where)
    index = _index(source, prefix, text)
    label_sets = index.label_sets if index else LABEL_SETS
    records = index.by_name if index else {}
    absent = sorted(rows.keys() - set(pictures.values()))
    native = folder.endswith(f"{NATIVE_FOLDER}/")
    facts = Facts(
        pictures=list(pictures),
        label_sets=label_sets,
        labels={label_set.name: {} for label_set in label_sets},
        originals={path: path.removeprefix(prefix) for path in pictures},
        source=source_name(text) + (", crops as large as the holders have them" if native else ""),
        licence=LICENCE,
        attribution=ATTRIBUTION,
        redistribution=REDISTRIBUTION,
        lacking=dict(Counter(rows[name].split for name in absent)),
        lacking_names={split: tuple(n for n in absent if rows[n].split == split) for split in SPLITS},
        notes=_notes(rows, pictures, where),
    )
    for name, row in rows.items():
        facts.splits[folder + name] = row.split
        facts.split_classes[folder + name] = (row.gender, row.status)
    for path, name in pictures.items():
        if name in records:
            found = {label_set.name: records[name].label(label_set.name) for label_set in label_sets}
            crop = crop_of(records[name])
            if crop:
                facts.crops[path] = crop
        else:
            row = rows.get(name)
            found = {"gender": row.gender, "status": row.status} if row else {}
        for set_name, label in found.items():
            if label is not None:
                facts.labels[set_name][path] = label
    facts.books.update({folder + name: record.book for name, record in records.items() if record.book})
    return facts


def _folder(source: Source, prefix: str) -> str:
    """The folder of the pictures with its slash; "" where there is none."""
    folders = [f"{prefix}{FOLDER}/", f"{prefix}{NATIVE_FOLDER}/"]
    return next((folder for folder in folders if any(name.startswith(folder) for name in source.pictures)), "")


def _check(rows: Mapping[str, LabelRow], pictures: Mapping[str, str], folder: str, where: str) -> None:
    if not rows.keys() & set(pictures.values()):
        raise DataError(
            f"{where}: none of its {len(rows)} rows names a picture in {folder}. Use the matching labels.csv."
        )


def _index(source: Source, prefix: str, labels: bytes) -> Index | None:
    """The index, as far as its files lie beside labels.csv: without tags None, without addresses one that has none."""
    if prefix + TAGS_FILE not in source.files:
        return None
    files = {
        LABELS_FILE: labels,
        TAGS_FILE: source.read(prefix + TAGS_FILE),
        URLS_FILE: source.read(prefix + URLS_FILE) if prefix + URLS_FILE in source.files else b"",
    }
    version = version_of(labels, LABELS_FILE) or _told_version(source, prefix)
    return read_index(files, version, f"{source.path}: {prefix}".rstrip(": "), unpinned=True)


def _told_version(source: Source, prefix: str) -> str:
    """The version kaokore.json tells, for label files that are edited; the newest where it tells none."""
    if prefix + ABOUT in source.files:
        try:
            version = json.loads(source.read(prefix + ABOUT))["version"]
        except (ValueError, TypeError, KeyError):
            version = None
        if version in VERSIONS:
            return version
    return list(VERSIONS)[-1]


def _notes(rows: Mapping[str, LabelRow], pictures: Mapping[str, str], where: str) -> list[str]:
    absent = sorted(rows.keys() - set(pictures.values()))
    unlabelled = [path for path, name in pictures.items() if name not in rows]
    notes = []
    if absent:
        notes.append(f"{where}: {len(absent)} of {len(rows)} rows name pictures that are not there ({some(absent)})")
    if unlabelled:
        notes.append(f"{len(unlabelled)} pictures have no row and stay unlabelled ({some(unlabelled)})")
    return [*notes, ATTRIBUTION, REDISTRIBUTION]
