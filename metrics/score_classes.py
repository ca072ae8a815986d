"""Scores of a conditional generator by a classifier, without pictures to compare with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metrics import class_agreement
from metrics.class_agreement import AgreementMetric
from metrics.score import Asked, Result, count_name, generated_words
from networks.interface import Generator
from networks.snapshot_info import SnapshotInfo

if TYPE_CHECKING:
    from classification.snapshot import LoadedClassifier


def score_classes(
    asked: Sequence[Asked[AgreementMetric]],
    generator: Generator,
    info: SnapshotInfo,
    classifier: "LoadedClassifier",
    *,
    seed: int = 0,
    psi: float = 1.0,
    batch: int = 32,
    about: dict[str, Any] | None = None,
) -> list[Result]:
    """Score how often a generator's pictures are judged to be what they should be.

    Args:
        about: further lines for the recipe (snapshot digest, psi, …).
    Raises:
        ConfigError: before anything is computed, for a generator without the classifier's label set.
    """
    class_agreement.column_of(info, classifier)
    results = []
    for item in asked:
        value = class_agreement.measure(generator, info, classifier, item.samples, seed=seed, psi=psi, batch=batch)
        recipe = class_agreement.recipe_of(classifier) | generated_words(item, generator, seed)
        label = classifier.info.label_set.name
        results.append(
            Result(
                metric=f"{item.name}{count_name(item.samples)}_{label}",
                display_name=f"class agreement ({label})",
                value=value.value,
                deviation=None,
                recipe=recipe | (about or {}) | dict(value.details),
            )
        )
    return results
