"""Scoring: features once, every metric from them, and a result that carries its whole recipe."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from dataset.archive import Archive
from metrics import class_agreement, equivariance, fid, kid
from metrics.class_agreement import AgreementMetric
from metrics.equivariance import EquivarianceMetric
from metrics.extractors import Extractor
from metrics.features import library_version
from metrics.metric import Metric
from metrics.progress import watched
from metrics.reference import DEFAULT_CACHE, choose, real_features
from networks.interface import Generator
from torch_utils.errors import ConfigError

# A new metric is a file and a line here.
METRICS: dict[str, Metric | EquivarianceMetric | AgreementMetric] = {
    "fid": fid.METRIC,
    "kid": kid.METRIC,
    "class_agreement": class_agreement.METRIC,
    **equivariance.METRICS,
}

AnyMetric = TypeVar("AnyMetric", bound=Metric | EquivarianceMetric | AgreementMetric)


@dataclass(frozen=True, kw_only=True)
class Asked(Generic[AnyMetric]):
    """A metric as asked for: "fid5k" is fid on 5,000 samples."""

    name: str
    metric: AnyMetric
    samples: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """A score and everything needed to compare it with another.

    metric: for programs, with its count: "fid50k", "kid2k", "frechet_distance5k_mobilenet_v2".
    display_name: for people: "FID50k", "Fréchet distance (mobilenet_v2)".
    """

    metric: str
    display_name: str
    value: float
    deviation: float | None
    recipe: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def parse_names(names: Sequence[str], num_samples: int | None = None) -> list[Asked[Any]]:
    """Read metric names; `num_samples` stands for the defaults of those that carry no count.

    Raises:
        ConfigError: an unknown metric, with those there are; a count in the name and another in `num_samples`.
    """
    asked: list[Asked[Any]] = []
    for name in names:
        match = re.fullmatch(r"([a-z]+(?:_[a-z]+)*)(?:(\d{1,9})(k?))?", name)
        if match is None or match[1] not in METRICS:
            known = ", ".join(METRICS)
            raise ConfigError(f"--metrics {name}: no such metric. Use {known}, or with a count, for example fid5k.")
        metric = METRICS[match[1]]
        count = int(match[2]) * (1000 if match[3] else 1) if match[2] else num_samples or metric.default_samples
        if num_samples is not None and count != num_samples:
            raise ConfigError(f"--metrics {name} and --num-samples {num_samples}: two counts. Give one of them.")
        if count < metric.fewest:
            raise ConfigError(f"--metrics {name}: {count} samples are too few. Use {metric.fewest} or more.")
        item = Asked(name=match[1], metric=metric, samples=count)
        asked += [] if item in asked else [item]
    return asked


def of_kind(asked: Sequence[Asked[Any]], kind: type[AnyMetric]) -> list[Asked[AnyMetric]]:
    """Those that are computed in one way: from features, by moving a generator, or by a classifier."""
    return [item for item in asked if isinstance(item.metric, kind)]


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
        names: metrics, e.g. "fid", "fid5k", "kid"; those of features are computed, one at least.
        split: of the archive; None for all of it.
        fakes: count → batches of uint8 pictures [n, C, R, R], in the order of their seeds.
        num_samples: generated pictures, for every metric; default: each metric's own.
        seed: of KID's subsets and of the choice of reals where a metric takes fewer.
        cache: folder of remembered real features; None remembers nothing.
        about: further lines for the recipe (snapshot digest, psi, …).
    """
    asked = of_kind(parse_names(names, num_samples), Metric)
    check_reference(asked, real, split)
    references = [_reference(item, real, split, seed) for item in asked]
    union = np.unique(np.concatenate(references))  # sorted; each real picture is looked at once
    real_all = real_features(real, union, extractor, cache)
    most = max(item.samples for item in asked)
    fake_all = torch.cat([extractor(batch) for batch in watched(fakes(most), most, "generated")])
    assert len(fake_all) == most, f"{len(fake_all)} pictures generated, {most} asked for"
    results = []
    for item, indices in zip(asked, references, strict=True):
        reals = real_all[torch.from_numpy(np.searchsorted(union, indices))]
        value = item.metric.compute(reals, fake_all[: item.samples], seed)
        counts = {"real_pictures": len(reals), "fake_pictures": item.samples}
        recipe = _recipe(real, split, extractor, seed) | counts | (about or {}) | dict(value.details)
        if notes := [note for note in (extractor.note, recipe.get("note")) if note]:
            recipe["note"] = "; ".join(map(str, notes))
        results.append(
            Result(
                metric=plain_name(item, extractor),
                display_name=display_name(item, extractor),
                value=value.value,
                deviation=value.deviation,
                recipe=recipe,
            )
        )
    return results


def check_reference(asked: Sequence[Asked[Metric]], real: Archive, split: str | None) -> None:
    """Raise a ConfigError where there are too few real pictures for a metric, before work starts."""
    count = len(real.indices(split))
    for item in asked:
        if count < item.metric.fewest:
            raise ConfigError(
                f"{real.path.name}, split {split or 'all'}: {count} pictures are too few for {item.name}. "
                f"Use {item.metric.fewest} or more."
            )


def _reference(item: Asked[Metric], real: Archive, split: str | None, seed: int) -> np.ndarray:
    """FID's reference is the whole set; KID is unbiased and takes as many reals as fakes."""
    indices = real.indices(split)
    return indices if item.metric.whole_reference else choose(indices, item.samples, seed)


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
        "device": extractor.device.type,
        "torch": torch.__version__,
        "torch_fidelity": library_version(),
    }


def plain_name(asked: Asked[Metric], extractor: Extractor) -> str:
    """fid5k, kid2k; with another network than Inception kid2k_mobilenet_v2, and never fid."""
    if extractor.is_inception:
        return asked.metric.inception_name.lower() + count_name(asked.samples)
    other = asked.metric.other_name.lower().replace("é", "e").replace(" ", "_")
    return f"{other}{count_name(asked.samples)}_{extractor.name}"


def display_name(asked: Asked[Metric], extractor: Extractor) -> str:
    """FID5k, KID2k; with another network than Inception, "KID (mobilenet_v2)" and never FID."""
    if extractor.is_inception:
        return asked.metric.inception_name + count_name(asked.samples)
    return f"{asked.metric.other_name} ({extractor.name})"


def generated_words(asked: Asked[Any], generator: Generator, seed: int) -> dict[str, Any]:
    """What a result says of generated pictures that are scored by themselves."""
    return {
        "fake_pictures": asked.samples,
        "resolution": generator.image_spec.resolution,
        "seed": seed,
        "device": next(generator.parameters()).device.type,
        "torch": torch.__version__,
    }


def count_name(samples: int) -> str:
    """5k for 5,000."""
    return f"{samples // 1000}k" if samples % 1000 == 0 else str(samples)
