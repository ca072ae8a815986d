"""Label sets from selections' metadata: a set for each label, a class for each value, gaps where it says nothing."""

from collections import defaultdict
from collections.abc import Sequence

from dataset.iiif.selections import Selection
from dataset.kaokore.labels import LABEL_SETS
from dataset.kaokore.tags import GENDER, OFFICIAL, STATUS, UNKNOWN, VALUES
from torch_utils.labels import LabelSet
from torch_utils.text import printable

MOST_CLASSES = 200
KNOWN = {  # label → (name of the set, {value: class}), in the order of KaoKore's classes
    **{
        key: (label_set.name, dict(zip(OFFICIAL[key], label_set.classes, strict=True)))
        for key, label_set in zip((GENDER, STATUS), LABEL_SETS, strict=True)
    },
    **{key: (name, classes) for name, (key, classes) in VALUES.items()},
}


def label_sets_of(
    selections: Sequence[Selection],
) -> tuple[tuple[LabelSet, ...], dict[str, list[int | None]], list[str]]:
    """Label sets, {set name: class of each selection or None}, and a note for each label that makes none.

    Labels that KaoKore uses get its names and classes. A label of which one picture has several values, or that has
    fewer than 2 or more than 200 values, makes no set.
    """
    values: dict[str, list[str | None]] = defaultdict(lambda: [None] * len(selections))
    several: set[str] = set()
    for place, selection in enumerate(selections):
        for key, value in selection.metadata:
            known = KNOWN.get(key)
            if value in UNKNOWN or (known and value not in known[1]):
                continue
            if values[key][place] not in (None, value):
                several.add(key)
            values[key][place] = value
    sets, labels, notes = [], {}, []
    for key, column in values.items():
        name, classes = _classes(key, column)
        if key in several or not 2 <= len(classes) <= MOST_CLASSES:
            reason = "several values of one picture" if key in several else f"{len(classes)} values"
            notes.append(f"no label set from {printable(key)}: {reason}")
            continue
        order = list(dict.fromkeys(classes.values()))
        sets.append(LabelSet(name=name, classes=tuple(order)))
        labels[name] = [None if value is None else order.index(classes[value]) for value in column]
    return tuple(sets), labels, notes


def _classes(key: str, column: Sequence[str | None]) -> tuple[str, dict[str, str]]:
    if key in KNOWN:
        return KNOWN[key]
    return printable(key), {value: printable(value) for value in sorted({value for value in column if value})}
