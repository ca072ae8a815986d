"""One label set from two: a class for each pair, refused where a class would be too rare to learn."""

from dataclasses import replace
from itertools import product

from dataset.facts import Facts
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

FEWEST = 20  # pictures of a class


def with_joint_set(facts: Facts, wanted: str, *, force: bool) -> Facts:
    """Facts with a further label set, `gender+status`, whose classes are pairs: "female warrior".

    Args:
        wanted: names of two or more sets with + between them. A picture with a gap in one of them has a gap in it.
        force: make it even where a class has almost no pictures.
    Raises:
        ConfigError: no such sets, or a class with fewer than 20 pictures.
    """
    by_name = {label_set.name: label_set for label_set in facts.label_sets}
    names = wanted.split("+")
    if len(names) < 2 or len(set(names)) != len(names) or not set(names) <= by_name.keys():
        there = f"Use two of {', '.join(by_name)} with + between." if by_name else "The source has no labels."
        raise ConfigError(f"--joint {wanted}: not label sets of the source. {there}")
    sets = [by_name[name] for name in names]
    pairs = list(product(*(range(len(label_set.classes)) for label_set in sets)))
    classes = tuple(
        " ".join(label_set.classes[index] for label_set, index in zip(sets, pair, strict=True)) for pair in pairs
    )
    place: dict[tuple[int | None, ...], int] = {pair: index for index, pair in enumerate(pairs)}
    labels = {}
    for picture in facts.pictures:
        found = tuple(facts.labels[name].get(picture) for name in names)
        if None not in found:
            labels[picture] = place[found]
    if not force:
        _check_rarest(wanted, classes, list(labels.values()))
    return replace(
        facts,
        label_sets=(*facts.label_sets, LabelSet(name=wanted, classes=classes)),
        labels=facts.labels | {wanted: labels},
    )


def _check_rarest(wanted: str, classes: tuple[str, ...], labels: list[int]) -> None:
    counts = [labels.count(index) for index in range(len(classes))]
    rare = sorted((count, name) for count, name in zip(counts, classes, strict=True) if count < FEWEST)
    if rare:
        count, name = rare[0]
        raise ConfigError(
            f"--joint {wanted}: class '{name}' would hold {count} of {len(labels)} pictures, {len(rare)} of "
            f"{len(classes)} classes fewer than {FEWEST}: too few to learn. Use the sets singly, or --force-joint."
        )
