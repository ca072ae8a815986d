"""dataset.json: the field's key `labels`, and ours: label sets with names and gaps, splits, licence, digest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from dataset.image_api import Region
from dataset.leakage import Crop
from torch_utils.errors import DataError
from torch_utils.labels import UNLABELLED, LabelSet
from torch_utils.text import printable

NAME = "dataset.json"
MAX_CLASSES = 100_000
FOREIGN_SET = "label"
TEXTS = ("source", "licence", "attribution", "redistribution", "digest", "pixel_digest")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known about the pictures of an archive, in the order of their names."""

    label_sets: tuple[LabelSet, ...] = ()
    labels: torch.Tensor  # int64 [N, len(label_sets)], UNLABELLED in the gaps
    splits: tuple[str | None, ...]
    source: str = ""
    licence: str = ""
    attribution: str = ""
    digest: str = ""  # as stored; "" where the file holds none
    pixel_digest: str = ""
    redistribution: str = ""
    original_names: dict[str, str] = field(default_factory=dict)
    crops: dict[str, Crop] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)  # split → pictures of it that the source lacked
    lacking_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()  # described, but not among the pictures


def empty_manifest(count: int) -> Manifest:
    """The manifest of `count` pictures nothing is known about."""
    return Manifest(labels=torch.empty(count, 0, dtype=torch.int64), splits=(None,) * count)


def parse_manifest(text: bytes, names: Sequence[str], where: str, *, absent_too: bool = False) -> Manifest:
    """Read the text of a dataset.json.

    Args:
        names: the archive's picture names, in its order.
        where: begins every error, for example "faces.zip: dataset.json".
        absent_too: accept pictures that are described but not there, and list them.
    Raises:
        DataError: not JSON, not of the expected form, labels for absent pictures, vectors that are not one-hot.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}). Make the archive again with dataset_tool.py pack.") from error
    if not isinstance(document, dict):
        raise DataError(
            f"{where}: holds a {type(document).__name__}, not an object. Make it again with dataset_tool.py."
        )
    absent = tuple(sorted(_described(document) - set(names)))
    if absent and not absent_too:
        raise DataError(
            f"{where}: names {len(absent)} pictures that are not there (first: {absent[0]}). Pack the pictures again."
        )
    sets = _own_sets(document, names, where) or _foreign_set(document, names, where)
    columns = [torch.tensor(column, dtype=torch.int64) for _, column in sets]
    return Manifest(
        label_sets=tuple(label_set for label_set, _ in sets),
        labels=torch.stack(columns, 1) if columns else torch.empty(len(names), 0, dtype=torch.int64),
        splits=_splits(document, names, where),
        original_names=_original_names(document, where),
        crops=_crops(document, where),
        lacking=_lacking(document, where),
        lacking_names=_lacking_names(document, where),
        absent=absent,
        **{key: _text(document, key, where) for key in TEXTS},
    )


def _own_sets(document: dict[str, Any], names: Sequence[str], where: str) -> list[tuple[LabelSet, list[int]]]:
    described = document.get("label_sets") or {}
    if not isinstance(described, dict):
        raise DataError(f"{where}: label_sets is not an object of sets. Make it again with dataset_tool.py pack.")
    sets = []
    for name, entry in described.items():
        place = f"{where}: label_sets.{name}"
        classes = entry.get("classes") if isinstance(entry, dict) else None
        given = entry.get("labels") if isinstance(entry, dict) else None
        if not isinstance(classes, list) or not all(isinstance(item, str) for item in classes) or not classes:
            raise DataError(f"{place}: classes is not a list of names. Make it again with dataset_tool.py pack.")
        if len(set(classes)) != len(classes):
            raise DataError(f"{place}: a class name appears twice. Give each class its own name.")
        by_name = _by_name(given, names, place)
        column = [_class_index(by_name.get(name), len(classes), f"{place}: {name}") for name in names]
        sets.append((LabelSet(name=name, classes=tuple(classes)), column))
    return sets


def _foreign_set(document: dict[str, Any], names: Sequence[str], where: str) -> list[tuple[LabelSet, list[int]]]:
    if not document.get("labels"):
        return []
    by_name = _by_name(document["labels"], names, f"{where}: labels")
    widths = {len(value) for value in by_name.values() if isinstance(value, list)}
    if len(widths) > 1:
        raise DataError(f"{where}: labels are vectors of different lengths {sorted(widths)}. Use class numbers.")
    given = {name: _one_hot_index(value, f"{where}: {name}") for name, value in by_name.items()}
    column = [_class_index(given.get(name), MAX_CLASSES, f"{where}: {name}") for name in names]
    count = max([max(column, default=0) + 1, *widths])
    return [(LabelSet(name=FOREIGN_SET, classes=tuple(str(index) for index in range(count))), column)]


def _by_name(given: object, names: Sequence[str], where: str) -> dict[str, Any]:
    """Labels as {picture name: value}, from an object, a list of pairs, or a list with one value for each picture."""
    if isinstance(given, dict):
        pairs = dict(given)
    elif isinstance(given, list) and all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in given):
        pairs = {name.replace("\\", "/"): value for name, value in given}
    elif isinstance(given, list) and len(given) == len(names) and not any(isinstance(p, list) for p in given):
        pairs = dict(zip(names, given, strict=True))
    else:
        raise DataError(f"{where}: not one label for each of the {len(names)} pictures. Pack the pictures again.")
    return pairs


def _one_hot_index(value: object, where: str) -> object:
    if not isinstance(value, list):
        return value
    ones = [index for index, item in enumerate(value) if item == 1]
    if len(ones) != 1 or any(item not in (0, 1) for item in value):
        raise DataError(f"{where}: its label is a vector that is not one-hot. Give each picture one class number.")
    return ones[0]


def _class_index(value: object, count: int, where: str) -> int:
    if value is None:
        return UNLABELLED
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise DataError(f"{where}: label {value!r} is not a class number from 0 to {count - 1}. Correct dataset.json.")
    return value


def _splits(document: dict[str, Any], names: Sequence[str], where: str) -> tuple[str | None, ...]:
    if not document.get("splits"):
        return (None,) * len(names)
    by_name = _by_name(document["splits"], names, f"{where}: splits")
    for name, split in by_name.items():
        if split is not None and (not isinstance(split, str) or not split or split == "all"):
            raise DataError(f"{where}: {name}: split {split!r} is not a name. Correct dataset.json.")
    return tuple(by_name.get(name) for name in names)


def _text(document: Mapping[str, Any], key: str, where: str) -> str:
    value = document.get(key) or ""
    if not isinstance(value, str):
        raise DataError(f"{where}: {key} is not a text. Make it again with dataset_tool.py pack.")
    return value


def _original_names(document: dict[str, Any], where: str) -> dict[str, str]:
    given = document.get("original_names") or {}
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        raise DataError(f"{where}: original_names is not an object of names. Make it again with dataset_tool.py pack.")
    return given


def _crops(document: dict[str, Any], where: str) -> dict[str, Crop]:
    given = document.get("crops") or {}
    if not isinstance(given, dict):
        raise DataError(f"{where}: crops is not an object. Make it again with dataset_tool.py pack.")
    crops = {}
    for name, crop in given.items():
        region = crop.get("region") if isinstance(crop, dict) else None
        texts = [crop.get("page"), crop.get("book", "")] if isinstance(crop, dict) else []
        whole = isinstance(region, list) and len(region) == 4 and all(type(number) is int for number in region)
        if not isinstance(region, list) or not whole or not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{where}: crops: {name}: not a page, a region and a book. Make it again with pack.")
        crops[name] = Crop(str(texts[0]), Region(*region), str(texts[1]))
    return crops


def _lacking(document: dict[str, Any], where: str) -> dict[str, int]:
    given = document.get("lacking") or {}
    if not isinstance(given, dict) or not all(type(count) is int for count in given.values()):
        raise DataError(f"{where}: lacking is not an object of numbers. Make it again with dataset_tool.py pack.")
    return given


def _lacking_names(document: dict[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    given = document.get("lacking_names") or {}
    lists = given.values() if isinstance(given, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise DataError(f"{where}: lacking_names is not an object of lists. Make it again with dataset_tool.py pack.")
    return {split: tuple(printable(name) for name in names) for split, names in given.items()}


def _described(document: dict[str, Any]) -> set[str]:
    """Every picture name that some label or split is given for."""
    sets = document.get("label_sets")
    own = [entry.get("labels") for entry in sets.values() if isinstance(entry, dict)] if isinstance(sets, dict) else []
    names: set[str] = set()
    for given in (document.get("labels"), document.get("splits"), *own):
        if isinstance(given, dict):
            names.update(given)
        elif isinstance(given, list):
            pairs = (pair for pair in given if isinstance(pair, list) and pair and isinstance(pair[0], str))
            names.update(pair[0].replace("\\", "/") for pair in pairs)
    return names
