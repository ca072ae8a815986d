"""Scores of a generator by itself, without pictures to compare with: its equivariance."""

from collections.abc import Sequence
from typing import Any

from metrics import equivariance
from metrics.equivariance import EquivarianceMetric, check_movable
from metrics.score import Asked, Result, count_name, generated_words
from networks.interface import Generator
from networks.snapshot_info import SnapshotInfo


def score_generator(
    asked: Sequence[Asked[EquivarianceMetric]],
    generator: Generator,
    info: SnapshotInfo,
    *,
    seed: int = 0,
    psi: float = 1.0,
    batch: int = 32,
    about: dict[str, Any] | None = None,
) -> list[Result]:
    """Score a generator's equivariance.

    Args:
        info: of its snapshot: labels are drawn as often as in the training data.
        seed: of the latents and of the moves.
        about: further lines for the recipe (snapshot digest, psi, …).
    Raises:
        ConfigError: before anything is computed, for a network that has no input to move.
    """
    for item in asked:
        check_movable(item.metric, item.name, generator)
    results = []
    for item in asked:
        value = equivariance.measure(item.metric, generator, info, item.samples, seed=seed, psi=psi, batch=batch)
        recipe: dict[str, Any] = {"unit": "dB", "noise_mode": equivariance.NOISE}
        recipe |= generated_words(item, generator, seed)
        results.append(
            Result(
                metric=item.name + count_name(item.samples),
                display_name=item.metric.display_name + count_name(item.samples),
                value=value.value,
                deviation=value.deviation,
                recipe=recipe | (about or {}) | dict(value.details),
            )
        )
    return results
