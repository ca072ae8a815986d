"""Looking for what is known about the pictures of a source: KaoKore's files, a dataset.json, names of sub-folders."""

from pathlib import PurePosixPath

from dataset import manifest
from dataset.facts import Facts, some
from dataset.kaokore.facts import is_kaokore, kaokore_facts
from dataset.sources import Source, leads_outside
from torch_utils.errors import DataError
from torch_utils.labels import UNLABELLED, LabelSet
from torch_utils.text import printable

FOLDER_SET = "folder"


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
        if is_kaokore(source, prefix):
            return kaokore_facts(source, prefix)
    for prefix in ("", *(f"{top}/" for top in sorted(tops) if len(tops) == 1)):
        if prefix + manifest.NAME in source.files:
            return _manifest_facts(source, prefix)
    return _folder_facts(source)


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
    note = f"{where}: describes {len(found.absent)} pictures that are not there ({some(found.absent)})"
    splits = {name: split for name, split in zip(pictures, found.splits, strict=True) if split is not None}
    return Facts(
        pictures=pictures,
        split_classes=dict.fromkeys(splits, ()),
        label_sets=found.label_sets,
        labels=labels,
        splits=splits,
        originals={prefix + name: original for name, original in found.original_names.items()},
        crops={prefix + name: crop for name, crop in found.crops.items()},
        books={prefix + name: crop.book for name, crop in found.crops.items() if crop.book},
        source=found.source,
        licence=found.licence,
        attribution=found.attribution,
        redistribution=found.redistribution,
        lacking=dict(found.lacking),
        lacking_names=dict(found.lacking_names),
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
