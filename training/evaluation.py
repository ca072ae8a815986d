"""Scores during training: the functions of evaluate.py on the moving average, without touching the training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dataset.archive import Archive
from metrics.class_agreement import AgreementMetric
from metrics.equivariance import EquivarianceMetric, check_movable
from metrics.extractors import Extractor, load_extractor
from metrics.fakes import evaluation_pictures
from metrics.metric import Metric
from metrics.score import Asked, Result, check_reference, of_kind, parse_names, score
from metrics.score_generator import score_generator
from networks.interface import Generator
from torch_utils import distributed
from torch_utils.errors import ConfigError
from training.config import TrainConfig, passes
from training.outputs import snapshot_info
from training.state import TrainingState


@dataclass(kw_only=True)
class Evaluation:
    """What is needed to score a snapshot, prepared before the first step so that a missing file is seen at once."""

    archive: Archive
    config: TrainConfig
    extractor: Extractor | None

    @classmethod
    def prepare(cls, config: TrainConfig, archive: Archive, device: torch.device) -> "Evaluation":
        """Load the feature extractor, if a metric of features is asked for."""
        if of_kind(parse_names(config.metrics.names), AgreementMetric):
            raise ConfigError("--metrics class_agreement: not during training. Score a snapshot with evaluate.py.")
        of_features = of_kind(parse_names(config.metrics.names), Metric)
        if not of_features or not distributed.is_main():  # the main process scores
            return cls(archive=archive, config=config, extractor=None)
        check_reference(of_features, archive, _split(config))
        options = config.metrics
        extractor = load_extractor(
            exported=Path(options.extractor) if options.extractor else None,
            exported_sha256=options.extractor_sha256,
            inception_weights=Path(options.inception_weights) if options.inception_weights else None,
            device=device,
            resolution=archive.resolution,
        )
        return cls(archive=archive, config=config, extractor=extractor)

    @property
    def _moves(self) -> list[Asked[EquivarianceMetric]]:
        return of_kind(parse_names(self.config.metrics.names), EquivarianceMetric)

    def check_generator(self, generator: Generator) -> None:
        """Raise a ConfigError where a metric is asked for that is undefined for this network."""
        for item in self._moves:
            check_movable(item.metric, item.name, generator)

    def due(self, before: int, ticks: int, *, last: bool) -> bool:
        """Whether the snapshot saved after `ticks` ticks is scored: a function of the schedule, the same on resume.

        The early first snapshot is not, the last one always.

        Args:
            before: ticks that were done one batch or tick earlier.
        """
        period = self.config.schedule.snapshot_ticks * self.config.metrics.every
        return bool(self.config.metrics.names) and (last or passes(period, before, ticks))

    def scores(self, state: TrainingState, log: Callable[[str], None]) -> dict[str, float]:
        """Metric values of the moving average, by name: those that evaluate.py gives for its snapshot by default."""
        info = snapshot_info(state, {}, {})
        results: list[Result] = []
        if self.extractor is not None:
            results += score(
                self.config.metrics.names,
                real=self.archive,
                split=_split(self.config),
                fakes=lambda count: evaluation_pictures(state.ema, info, count),
                extractor=self.extractor,
            )
        results += score_generator(self._moves, state.ema, info)
        for result in results:
            log(f"{result.display_name}: {result.value:.4f} at {state.images_seen / 1000:g} kimg")
        return {f"metrics/{result.metric}": result.value for result in results}


def _split(config: TrainConfig) -> str | None:
    return None if config.data.split == "all" else config.data.split
