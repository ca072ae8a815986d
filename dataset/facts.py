"""What is known about the pictures of a source, wherever it was read from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dataset.leakage import Crop
from torch_utils.labels import LabelSet
from torch_utils.text import printable


@dataclass(kw_only=True)
class Facts:
    """Pictures of a source with what is known about them; a name absent from a mapping is a gap.

    Attributes:
        pictures: names to pack, sorted.
        labels: {set name: {picture name: class index}}.
        originals: {picture name: name it once had}, when it differs.
        crops: {picture name: where it was cut from}.
        books: {picture name: its book}, of absent pictures too: a split by book is the same for a part of the set.
        split_classes: {picture name: classes that a split by book shall spread evenly}, of absent pictures too.
        lacking: {split: labelled pictures of it that are absent}; lacking_names: their names, where known.
        notes: lines to print.
    """

    pictures: list[str]
    label_sets: tuple[LabelSet, ...] = ()
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)
    crops: dict[str, Crop] = field(default_factory=dict)
    books: dict[str, str] = field(default_factory=dict)
    split_classes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    attribution: str = ""
    redistribution: str = ""
    lacking: dict[str, int] = field(default_factory=dict)
    lacking_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def some(names: Sequence[str]) -> str:
    """The first of a list of names, for a note."""
    shown = ", ".join(printable(name) for name in names[:3])
    return f"first: {shown}, …" if len(names) > 3 else shown
