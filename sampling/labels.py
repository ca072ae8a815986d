"""Which labels a seed's picture gets: as asked for, the rest as often as in the training data."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from networks.snapshot import SnapshotInfo
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.labels import UNLABELLED


def labels_for_seeds(info: SnapshotInfo, seeds: Sequence[int], chosen: Mapping[str, int] | None = None) -> Tensor:
    """Class indices for each seed, a function of the seed alone.

    Label sets in `chosen` (set name → class index) are as given. The others are drawn together, as often as they
    occur in the training data with the chosen classes, so that no picture is asked for what the data never showed.

    Returns:
        int64 [len(seeds), label sets]; no columns for an unconditional network.
    """
    names = [label_set.name for label_set in info.image_spec.label_sets]
    chosen = dict(chosen or {})
    if not names:
        return torch.empty(len(seeds), 0, dtype=torch.int64)
    rows, counts = _matching(info, names, chosen)
    weights = torch.tensor(counts, dtype=torch.float64)
    drawn = [int(torch.multinomial(weights, 1, generator=seeding.generator(seed, "label"))) for seed in seeds]
    return torch.tensor([rows[index] for index in drawn], dtype=torch.int64).reshape(len(seeds), len(names))


def _matching(info: SnapshotInfo, names: list[str], chosen: dict[str, int]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Label rows of the training data that agree with the choice, and how often each occurs."""
    columns = {names.index(name): value for name, value in chosen.items()}
    pairs = [
        (row, count)
        for row, count in info.label_counts
        if all(row[column] == value for column, value in columns.items())
    ]
    if not pairs and len(chosen) < len(names):
        raise ConfigError(
            f"--class: no training picture has {_words(info, chosen)}. Choose other classes, or name one of every set."
        )
    if not pairs:
        return [tuple(chosen[name] for name in names)], [1]
    return [row for row, _ in pairs], [count for _, count in pairs]


def class_names(info: SnapshotInfo, row: Sequence[int]) -> dict[str, str]:
    """A row of class indices in words: {set name: class name or "unlabelled"}."""
    pairs = zip(info.image_spec.label_sets, row, strict=True)
    return {s.name: "unlabelled" if index == UNLABELLED else s.classes[index] for s, index in pairs}


def _words(info: SnapshotInfo, chosen: dict[str, int]) -> str:
    sets = {label_set.name: label_set for label_set in info.image_spec.label_sets}
    pairs = [f"{n}={'unlabelled' if i == UNLABELLED else sets[n].classes[i]}" for n, i in chosen.items()]
    return " and ".join(pairs)
