"""Scores during training: the functions of evaluate.py on the moving average, without touching the training."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dataset.archive import Archive
from metrics.extractors import Extractor, load_extractor
from metrics.score import parse_names, score
from sampling.labels import labels_for_seeds
from sampling.pictures import generate_pictures
from training.config import TrainConfig
from training.outputs import snapshot_info
from training.state import TrainingState


@dataclass(kw_only=True)
class Evaluation:
    """What is needed to score a snapshot, prepared before the first step so that a missing file is seen at once."""

    archive: Archive
    config: TrainConfig
    extractor: Extractor | None
    saves: int = 0

    @classmethod
    def prepare(cls, config: TrainConfig, archive: Archive, device: torch.device) -> "Evaluation":
        """Load the feature extractor, if any metric is asked for."""
        if not config.metrics.names:
            return cls(archive=archive, config=config, extractor=None)
        parse_names(config.metrics.names)
        options = config.metrics
        extractor = load_extractor(
            exported=Path(options.extractor) if options.extractor else None,
            exported_sha256=options.extractor_sha256,
            inception_weights=Path(options.inception_weights) if options.inception_weights else None,
            device=device,
        )
        return cls(archive=archive, config=config, extractor=extractor)

    def scores(self, state: TrainingState, log: Callable[[str], None]) -> dict[str, float]:
        """Metric values of the moving average, by name; empty when none are due at this save."""
        self.saves += 1
        if self.extractor is None or self.saves % self.config.metrics.every:
            return {}
        results = score(
            self.config.metrics.names,
            real=self.archive,
            split=self.config.data.split,
            fakes=lambda count: self._fakes(state, count),
            extractor=self.extractor,
            seed=self.config.runtime.seed,
        )
        for result in results:
            log(f"{result.display_name}: {result.value:.4f} at {state.images_seen / 1000:g} kimg")
        return {f"metrics/{re.sub(r'[^a-z0-9]+', '_', r.display_name.lower()).strip('_')}": r.value for r in results}

    def _fakes(self, state: TrainingState, count: int) -> Iterator[Tensor]:
        seeds = list(range(count))
        labels = labels_for_seeds(snapshot_info(state, {}, {}), seeds)
        return generate_pictures(state.ema, seeds, labels, batch=32)
