"""Two painters on the same faces: differences face by face.

One face is painted 25 times as well as another by the same painter, so that two means say little; the mean of the
differences says which painter is better as soon as it is the better one on most faces.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and standard deviation of a sample; the deviation of one value is nan."""

    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Second minus first, face by face.

    Attributes:
        low, high: Student's t interval of the mean difference (95 %); nan for fewer than two faces.
        second_better: on how many faces; `ties` on how many neither.
    """

    faces: int
    mean: float
    deviation: float
    low: float
    high: float
    second_better: int
    ties: int


def spread(values: Sequence[float]) -> Spread:
    """Of values of which some may be infinite, as PSNR is for equal pictures: then there is no deviation."""
    finite = len(values) > 1 and all(map(math.isfinite, values))
    return Spread(mean=float(np.mean(values)), deviation=float(np.std(values, ddof=1)) if finite else math.nan)


def paired(first: Sequence[float], second: Sequence[float], *, less_is_better: bool) -> Difference:
    """Compare two measurements of the same faces, in the same order."""
    differences = [0.0 if a == b else b - a for a, b in zip(first, second, strict=True)]  # inf - inf too
    own = spread(differences)
    count = len(differences)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * own.deviation / math.sqrt(count) if count > 1 else math.nan
    better = [difference < 0 if less_is_better else difference > 0 for difference in differences]
    return Difference(
        faces=count,
        mean=own.mean,
        deviation=own.deviation,
        low=float(own.mean - half),
        high=float(own.mean + half),
        second_better=sum(better),
        ties=differences.count(0.0),
    )
