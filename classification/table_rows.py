"""A row of the table: runs of one model, label, preset and split, and how rows differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classification.paper import SOURCE, TEST_PICTURES, paper_accuracy, paper_correct
from classification.scores import Difference, independent_difference, paired_difference, wilson

_FEWEST_DIFFERING = 10  # pictures; the paired interval is that of a normal variable, and means nothing for fewer


@dataclass(frozen=True, kw_only=True)
class Row:
    """Means over the seeds.

    Attributes:
        accuracies: of each run.
        interval: 95 % Wilson interval of the mean accuracy, for as many pictures as one run has: more seeds do not make
            more pictures.
        right: how often each test picture was right, 0 to 1.
        from_paper: difference to the paper's figure, where it is of the same test pictures.
    """

    split: str
    label: str
    model: str
    preset: str
    accuracies: tuple[float, ...]
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    ece: float
    pictures: int
    missing: int
    right: np.ndarray
    paper: float | None
    from_paper: Difference | None

    @property
    def accuracy(self) -> float:
        """The mean."""
        return float(np.mean(self.accuracies))

    @property
    def name(self) -> str:
        """resnet18 paper"""
        return f"{self.model} {self.preset}"


def row_of(split: str, label: str, model: str, preset: str, runs: Sequence[tuple[dict[str, Any], np.ndarray]]) -> Row:
    """A row from its runs' numbers and from which pictures each had right."""
    documents = [document for document, _ in runs]
    right = np.mean([found for _, found in runs], axis=0)
    count = len(right)
    correct = float(right.sum())
    known = paper_correct(model, label)
    same = split == "official" and count == TEST_PICTURES and documents[0]["source"].startswith(SOURCE)
    return Row(
        split=split,
        label=label,
        model=model,
        preset=preset,
        accuracies=tuple(document["accuracy"] for document in documents),
        interval=wilson(correct, count),
        macro_f1=float(np.mean([document["macro_f1"] for document in documents])),
        balanced_accuracy=float(np.mean([document["balanced_accuracy"] for document in documents])),
        ece=float(np.mean([document["ece"] for document in documents])),
        pictures=count,
        missing=documents[0]["missing"]["pictures"],
        right=right,
        paper=paper_accuracy(model, label),
        from_paper=independent_difference((correct, count), (known, count)) if same and known is not None else None,
    )


@dataclass(frozen=True, kw_only=True)
class ClearDifference:
    """Two rows whose accuracies differ by more than chance on these pictures explains."""

    better: str
    worse: str
    difference: Difference


def clear_differences(rows: Sequence[Row]) -> list[ClearDifference]:
    """Of rows on the same pictures, those pairs whose 95 % interval leaves 0 out; each pair by itself."""
    found = []
    for place, first in enumerate(rows):
        for second in rows[place + 1 :]:
            better, worse = (first, second) if first.accuracy >= second.accuracy else (second, first)
            difference = paired_difference(better.right, worse.right)
            if difference.is_clear and (better.right != worse.right).sum() >= _FEWEST_DIFFERING:
                found.append(ClearDifference(better=better.name, worse=worse.name, difference=difference))
    return sorted(found, key=lambda item: -item.difference.value)
