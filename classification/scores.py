"""Scores of predictions: accuracy with its interval, class by class, calibration, paired differences.

A share of n pictures is uncertain by chance alone; every accuracy here comes with the interval that says how much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # a normal variable lies within ± this with probability 0.95
ECE_BINS = 15


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """One class: pictures of it, and precision, recall and F1; nan where undefined."""

    name: str
    pictures: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """All scores of one set of predictions.

    Attributes:
        interval: 95 % Wilson interval of the accuracy.
        macro_f1: mean F1 of the classes that occur, in truth or in prediction.
        balanced_accuracy: mean recall of the classes that have pictures.
        ece: expected calibration error, 0 to 1.
        confusion: counts, [true, predicted].
    """

    pictures: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    ece: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]


def scores(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Scores:
    """Score predictions.

    Args:
        probabilities: [N, classes], rows that add up to 1; N at least 1.
        labels: class indices, int [N].
        names: of the classes, in index order.
    """
    predicted = probabilities.argmax(1)
    counts = confusion(labels, predicted, len(names))
    correct = int(counts.trace())
    by_class = tuple(_class_score(name, index, counts) for index, name in enumerate(names))
    return Scores(
        pictures=len(labels),
        correct=correct,
        accuracy=correct / len(labels),
        interval=wilson(correct, len(labels)),
        macro_f1=_mean([c.f1 for c in by_class if c.pictures or c.predicted]),
        balanced_accuracy=_mean([c.recall for c in by_class if c.pictures]),
        ece=calibration_error(probabilities.max(1), predicted == labels),
        classes=by_class,
        confusion=tuple(tuple(map(int, row)) for row in counts),
    )


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64 [true, predicted]."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def wilson(correct: float, count: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927): never outside 0 … 1, right for small counts too.

    Args:
        correct: need not be whole, for a mean of several runs on the same pictures.
    """
    share = correct / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = ECE_BINS) -> float:
    """Mean distance of confidence and accuracy over equal-width bins of confidence, weighted by their pictures.

    Source: Naeini et al. 2015, Guo et al. 2017.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # a bin holds its upper edge
    counts = np.bincount(place, minlength=bins)
    gaps = np.abs(
        np.bincount(place, confidence, minlength=bins) - np.bincount(place, right.astype(float), minlength=bins)
    )
    return float(gaps[counts > 0].sum() / len(confidence))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better the first is, in shares, with a 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Difference of two accuracies on the same pictures, from the pictures where they differ.

    Args:
        first, second: how often each picture was right over the runs, float [N], 0 to 1.
    """
    each = first.astype(float) - second.astype(float)
    value, half = float(each.mean()), Z95 * float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else 1.0
    return Difference(value=value, low=value - half, high=value + half)


def independent_difference(first: tuple[float, int], second: tuple[float, int]) -> Difference:
    """Of two shares (correct, count) of different pictures: Newcombe's interval (1998), from two of Wilson's."""
    p, q = first[0] / first[1], second[0] / second[1]
    (p_low, p_high), (q_low, q_high) = wilson(*first), wilson(*second)
    value = p - q
    return Difference(
        value=value, low=value - math.hypot(p - p_low, q_high - q), high=value + math.hypot(p_high - p, q - q_low)
    )


def _class_score(name: str, index: int, counts: np.ndarray) -> ClassScore:
    pictures, predicted, right = int(counts[index].sum()), int(counts[:, index].sum()), int(counts[index, index])
    return ClassScore(
        name=name,
        pictures=pictures,
        predicted=predicted,
        precision=right / predicted if predicted else math.nan,
        recall=right / pictures if pictures else math.nan,
        f1=2 * right / (pictures + predicted) if pictures + predicted else math.nan,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
