"""What is known about the pictures of a source: labels from KaoKore, from a dataset.json or from sub-folder names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from dataset import kaokore, manifest
from dataset.sources import Source, leads_outside
from torch_utils.errors import DataError
from torch_utils.labels import UNLABELLED, LabelSet
from torch_utils.text import printable

FOLDER_SET = "folder"


@dataclass(kw_only=True)
class Facts:
    """Pictures of a source with what is known about them; a name absent from a mapping is a gap.

    Attributes:
        pictures: names to pack, sorted.
        labels: {set name: {picture name: class index}}.
        originals: {picture name: name it once had}, when it differs.
        notes: lines to print.
    """

    pictures: list[str]
    label_sets: tuple[LabelSet, ...] = ()
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    attribution: str = ""
    redistribution: str = ""
    notes: list[str] = field(default_factory=list)


def facts_of(source: Source) -> Facts:
    """List a source's pictures and read its labels: KaoKore's labels.csv, else dataset.json, else sub-folder names.

    All of it may lie one folder down, as zip programs like to put it.

    Raises:
        DataError: no pictures, or a label file of the wrong form.
    """
    if not source.pictures:
        raise DataError(f"{source.path}: holds no pictures (PNG, JPEG, WebP, TIFF or BMP). Check the path.")
    tops = {PurePosixPath(name).parts[0] for name in source.files if "/" in name}
    for prefix in ("", *(f"{top}/" for top in sorted(tops))):
        if _is_kaokore(source, prefix):
            return _kaokore_facts(source, prefix)
    for prefix in ("", *(f"{top}/" for top in sorted(tops) if len(tops) == 1)):
        if prefix + manifest.NAME in source.files:
            return _manifest_facts(source, prefix)
    return _folder_facts(source)


def _is_kaokore(source: Source, prefix: str) -> bool:
    folder = f"{prefix}{kaokore.FOLDER}/"
    return f"{prefix}{kaokore.LABELS_FILE}" in source.files and any(name.startswith(folder) for name in source.pictures)


def _kaokore_facts(source: Source, prefix: str) -> Facts:
    folder = f"{prefix}{kaokore.FOLDER}/"
    pictures = [name for name in source.pictures if name.startswith(folder)]
    where = f"{source.path}: {prefix}{kaokore.LABELS_FILE}"
    text = source.read(prefix + kaokore.LABELS_FILE)
    rows = kaokore.read_labels(text, where)
    by_picture = {name: rows[name.removeprefix(folder)] for name in pictures if name.removeprefix(folder) in rows}
    if not by_picture:
        raise DataError(
            f"{where}: none of its {len(rows)} rows names a picture in {folder}. Use the matching labels.csv."
        )
    absent = sorted(rows.keys() - {name.removeprefix(folder) for name in pictures})
    notes = [f"{where}: {len(absent)} of {len(rows)} rows name pictures that are not there ({_some(absent)})"]
    unlabelled = [name for name in pictures if name not in by_picture]
    return Facts(
        pictures=pictures,
        label_sets=kaokore.LABEL_SETS,
        labels={
            "gender": {name: row.gender for name, row in by_picture.items()},
            "status": {name: row.status for name, row in by_picture.items()},
        },
        splits={name: row.split for name, row in by_picture.items()},
        originals={name: name.removeprefix(prefix) for name in pictures},
        source=kaokore.source_name(text),
        licence=kaokore.LICENCE,
        attribution=kaokore.ATTRIBUTION,
        redistribution=kaokore.REDISTRIBUTION,
        notes=(notes if absent else [])
        + ([f"{len(unlabelled)} pictures have no row and stay unlabelled ({_some(unlabelled)})"] if unlabelled else [])
        + [kaokore.REDISTRIBUTION],
    )


def _manifest_facts(source: Source, prefix: str) -> Facts:
    pictures = [name for name in source.pictures if name.startswith(prefix)]
    names = [name.removeprefix(prefix) for name in pictures]
    where = f"{source.path}: {prefix}{manifest.NAME}"
    found = manifest.parse_manifest(source.read(prefix + manifest.NAME), names, where, absent_too=True)
    labels = {
        label_set.name: {
            name: index for name, index in zip(pictures, column.tolist(), strict=True) if index != UNLABELLED
        }
        for label_set, column in zip(found.label_sets, found.labels.unbind(1), strict=True)
    }
    note = f"{where}: describes {len(found.absent)} pictures that are not there ({_some(found.absent)})"
    return Facts(
        pictures=pictures,
        label_sets=found.label_sets,
        labels=labels,
        splits={name: split for name, split in zip(pictures, found.splits, strict=True) if split is not None},
        originals={prefix + name: original for name, original in found.original_names.items()},
        source=found.source,
        licence=found.licence,
        attribution=found.attribution,
        redistribution=found.redistribution,
        notes=([note] if found.absent else []) + ([found.redistribution] if found.redistribution else []),
    )


def _folder_facts(source: Source) -> Facts:
    """One label set from the folders below the deepest folder that holds everything."""
    pictures = source.pictures
    parts = {name: PurePosixPath(name).parts for name in pictures if not leads_outside(name)}
    depth = 0
    while all(len(path) > depth + 1 for path in parts.values()) and len({path[depth] for path in parts.values()}) == 1:
        depth += 1
    folders = {name: path[depth] for name, path in parts.items() if len(path) > depth + 1}
    classes = sorted(set(folders.values()))
    if not classes or all(_is_shard(name) for name in classes):
        return Facts(pictures=pictures)
    label_set = LabelSet(name=FOLDER_SET, classes=tuple(printable(name) for name in classes))
    place = {name: index for index, name in enumerate(classes)}
    labels = {name: place[folder] for name, folder in folders.items()}
    return Facts(pictures=pictures, label_sets=(label_set,), labels={FOLDER_SET: labels})


def _is_shard(folder: str) -> bool:
    """00000, 00001, …: the field's way to keep folders small, not classes."""
    return len(folder) == 5 and folder.isdigit()


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:3])
    return f"first: {shown}, …" if len(names) > 3 else shown
