"""Scoring: features once, every metric from them, and a result that carries its whole recipe."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dataset.archive import Archive
from metrics import fid, kid
from metrics.extractors import Extractor
from metrics.features import library_version
from metrics.metric import Metric
from metrics.reference import DEFAULT_CACHE, choose, real_features
from torch_utils.errors import ConfigError

# A new metric is a file and a line here.
METRICS: dict[str, Metric] = {"fid": fid.METRIC, "kid": kid.METRIC}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A metric as asked for: "fid5k" is fid on 5,000 samples."""

    name: str
    metric: Metric
    samples: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """A score and everything needed to compare it with another."""

    metric: str
    display_name: str
    value: float
    deviation: float | None
    recipe: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def parse_names(names: Sequence[str], num_samples: int | None = None) -> list[Asked]:
    """Read metric names; `num_samples` overrides the counts in them and the defaults.

    Raises:
        ConfigError: an unknown metric, with those there are.
    """
    asked = []
    for name in names:
        match = re.fullmatch(r"([a-z]+)(?:(\d+)(k?))?", name)
        if match is None or match[1] not in METRICS:
            known = ", ".join(METRICS)
            raise ConfigError(f"--metrics {name}: no such metric. Use {known}, or with a count, for example fid5k.")
        metric = METRICS[match[1]]
        count = int(match[2]) * (1000 if match[3] else 1) if match[2] else metric.default_samples
        asked.append(Asked(name=match[1], metric=metric, samples=num_samples or count))
    return asked


def score(
    names: Sequence[str],
    *,
    real: Archive,
    split: str | None,
    fakes: Callable[[int], Iterator[Tensor]],
    extractor: Extractor,
    num_samples: int | None = None,
    seed: int = 0,
    cache: Path | None = DEFAULT_CACHE,
    about: dict[str, Any] | None = None,
) -> list[Result]:
    """Score generated pictures against an archive.

    Args:
        names: metrics, e.g. "fid", "fid5k", "kid".
        split: of the archive; None for all of it.
        fakes: count → batches of uint8 pictures [n, C, R, R], in the order of their seeds.
        num_samples: generated pictures, for every metric; default: each metric's own.
        seed: of KID's subsets and of the choice of reals where a metric takes fewer.
        cache: folder of remembered real features; None remembers nothing.
        about: further lines for the recipe (snapshot digest, psi, …).
    """
    asked = parse_names(names, num_samples)
    most = max(item.samples for item in asked)
    fake_all = torch.cat([extractor(batch) for batch in fakes(most)])
    assert len(fake_all) == most, f"{len(fake_all)} pictures generated, {most} asked for"
    results = []
    for item in asked:
        indices = real.indices(split)
        # FID's reference is the whole set; KID is unbiased and takes as many reals as fakes.
        indices = indices if item.metric.whole_reference else choose(indices, item.samples, seed)
        reals = real_features(real, indices, extractor, cache)
        value = item.metric.compute(reals, fake_all[: item.samples], seed)
        recipe = _recipe(real, split, extractor, seed) | {"real_pictures": len(reals), "fake_pictures": item.samples}
        results.append(
            Result(
                metric=item.name,
                display_name=display_name(item, extractor),
                value=value.value,
                deviation=value.deviation,
                recipe=recipe | (about or {}) | dict(value.details),
            )
        )
    return results


def _recipe(archive: Archive, split: str | None, extractor: Extractor, seed: int) -> dict[str, Any]:
    """What a score must say to be comparable."""
    return {
        "reference": archive.path.name,
        "reference_digest": archive.digest,
        "split": split or "all",
        "resolution": archive.resolution,
        "resize": extractor.resize,
        "extractor": extractor.name,
        "extractor_sha256": extractor.sha256,
        "seed": seed,
        "torch": torch.__version__,
        "torch_fidelity": library_version(),
    }


def display_name(asked: Asked, extractor: Extractor) -> str:
    """FID5k, KID2k; with another network than Inception, "KID (mobilenet_v2)" and never FID."""
    if not extractor.is_inception:
        return f"{asked.metric.other_name} ({extractor.name})"
    thousands = asked.samples % 1000 == 0
    return f"{asked.metric.inception_name}{asked.samples // 1000 if thousands else asked.samples}{'k' * thousands}"
