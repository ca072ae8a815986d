"""How often a conditional generator's pictures are judged to be of the class that was asked for.

The judge is a classifier that classify.py trained on real pictures; it errs too, so its own accuracy stands in the
recipe. After the classification accuracy score's idea (Ravuri and Vinyals 2019), the other way round: trained on real
pictures and tried on generated ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from classification.scores import wilson
from metrics.fakes import NOISE, evaluation_pictures, evaluation_seeds
from metrics.metric import Value
from metrics.progress import watched
from networks.interface import Generator
from networks.snapshot_info import SnapshotInfo
from sampling.labels import labels_for_seeds
from torch_utils.errors import ConfigError

if TYPE_CHECKING:
    from classification.snapshot import LoadedClassifier


@dataclass(frozen=True, kw_only=True)
class AgreementMetric:
    """A share of generated pictures, 0 to 1."""

    display_name: str = "class agreement"
    default_samples: int = 1_000
    fewest: int = 10


def column_of(info: SnapshotInfo, classifier: "LoadedClassifier") -> int:
    """The generator's label set that the classifier judges, as its place.

    Raises:
        ConfigError: the generator has no such label set, or one with other classes.
    """
    judged, there = classifier.info.label_set, info.image_spec.label_sets
    for column, label_set in enumerate(there):
        if label_set == judged:
            return column
        if label_set.name == judged.name:
            raise ConfigError(
                f"--classifier {classifier.path}: knows {judged.name} as {', '.join(judged.classes)}; the generator "
                f"has {', '.join(label_set.classes)}. Train it on the generator's archive."
            )
    names = ", ".join(label_set.name for label_set in there) or "none, it was trained without --cond"
    raise ConfigError(
        f"--classifier {classifier.path}: judges {judged.name}; the generator's label sets are {names}. Give one of "
        "those."
    )


@torch.no_grad()
def measure(
    generator: Generator,
    info: SnapshotInfo,
    classifier: "LoadedClassifier",
    count: int,
    *,
    seed: int = 0,
    psi: float = 1.0,
    batch: int = 32,
) -> Value:
    """The share over the pictures asked for with a class; labels are drawn as often as in the training data.

    Raises:
        ConfigError: no picture was asked for with a class, or see `column_of`.
    """
    from classification.inference import probabilities  # brings torchvision, which is slow to import

    asked = labels_for_seeds(info, evaluation_seeds(seed, count))[:, column_of(info, classifier)]
    pictures = evaluation_pictures(generator, info, count, seed=seed, psi=psi, batch=batch)
    judged = torch.cat([probabilities(classifier, part).argmax(1) for part in watched(pictures, count, "generated")])
    known = asked >= 0
    total = int(known.sum())
    if not total:
        raise ConfigError("--metrics class_agreement: no picture was asked for with a class. Use more --num-samples.")
    right = (judged == asked) & known
    by_class = {
        name: _share(int(right[asked == index].sum()), int((asked == index).sum()))
        for index, name in enumerate(classifier.info.label_set.classes)
    }
    correct = int(right.sum())
    details = {"judged_pictures": total, "interval": wilson(correct, total), "by_class": by_class}
    return Value(value=correct / total, details=details)


def recipe_of(classifier: "LoadedClassifier") -> dict[str, Any]:
    """What a result says of its judge."""
    info = classifier.info
    return {
        "unit": "of 1",
        "label": info.label_set.name,
        "noise_mode": NOISE,
        "classifier": classifier.path.name,
        "classifier_model": info.model,
        "classifier_sha256": info.digest,
        "classifier_dev_accuracy": info.metrics.get("accuracy/dev"),
        "classifier_trained_on": info.data.get("name"),
    }


def words(recipe: dict[str, Any]) -> str:
    """A result's interval and judge, in a few words."""
    low, high = recipe["interval"]
    shares: Sequence[str] = [
        f"{name} {share:.0%}"
        for name, share in recipe["by_class"].items()
        if share is not None and math.isfinite(share)
    ]
    return (
        f"{recipe['judged_pictures']} pictures, 95 % interval {low:.4f} to {high:.4f}; {', '.join(shares)}; "
        f"judge: {recipe['classifier_model']}, dev accuracy {recipe['classifier_dev_accuracy']:.1%}"
    )


def _share(right: int, count: int) -> float | None:
    return right / count if count else None


METRIC = AgreementMetric()
