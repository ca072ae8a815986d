"""What evaluate.py does: a snapshot (or another archive) against an archive, or a snapshot by itself."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dataset.archive import Archive
from metrics import class_agreement
from metrics.class_agreement import AgreementMetric
from metrics.equivariance import EquivarianceMetric, check_movable
from metrics.extractors import load_extractor
from metrics.fakes import NOISE, evaluation_pictures
from metrics.metric import Metric
from metrics.reference import DEFAULT_CACHE
from metrics.score import Asked, Result, of_kind, parse_names, score
from metrics.score_classes import score_classes
from metrics.score_generator import score_generator
from networks.snapshot import LoadedGenerator, load_generator
from sampling.pictures import check_psi
from torch_utils import seeds as seeding
from torch_utils.devices import pick_device
from torch_utils.errors import ConfigError
from torch_utils.files import write_text
from torch_utils.log import note
from torch_utils.ops.native import OpsMode, load_ops

if TYPE_CHECKING:
    from classification.snapshot import LoadedClassifier

_MODES = {1: "grey", 3: "RGB"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of evaluate.py; the fields are its options."""

    data: Path | None = None
    network: Path | None = None
    compare: Path | None = None
    compare_split: str | None = None
    metrics: str = "fid"
    num_samples: int | None = None
    split: str | None = None
    classifier: Path | None = None
    extractor: Path | None = None
    extractor_sha256: str | None = None
    inception_weights: Path | None = None
    seed: int = 0
    psi: float = 1.0
    batch: int = 32
    device: str = "auto"
    ops: OpsMode = "auto"
    out: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is scored: pictures by count, words for the recipe, the split it was trained on."""

    pictures: Callable[[int], Iterator[Tensor]]
    about: dict[str, Any]
    trained_on: str | None = None


def evaluate(request: Request) -> list[Result]:
    """Score as asked: what compares pictures first, then what moves the generator.

    Raises:
        UserError: for whatever is missing, before pictures are generated.
    """
    names = [name.strip() for name in request.metrics.split(",")]
    asked = parse_names(names, request.num_samples)
    of_features, moves = of_kind(asked, Metric), of_kind(asked, EquivarianceMetric)
    classes = of_kind(asked, AgreementMetric)
    _check(request, of_features, moves, classes)
    device = pick_device(request.device)
    real = None if request.data is None else Archive.open(request.data)
    if request.network is None:
        assert real is not None
        subject = _archive(Archive.open(request.compare or ""), real, max(item.samples for item in asked), request)
        return _against(real, subject, names, request, device)
    load_ops(request.ops, device, note)
    loaded = load_generator(request.network, device)
    for item in moves:
        check_movable(item.metric, item.name, loaded.network)
    judge = _judge(request, loaded, device) if classes else None
    results: list[Result] = []
    if real is not None:
        subject = _snapshot(loaded, real, request)
        results += _against(real, subject, names, request, device) if of_features else []
    sampled = {"seed": request.seed, "psi": request.psi, "batch": request.batch, "about": _about(loaded, request)}
    if judge is not None:
        results += score_classes(classes, loaded.network, loaded.info, judge, **sampled)
    return results + score_generator(moves, loaded.network, loaded.info, **sampled)


def summary(result: Result) -> str:
    """How many pictures, and against what, in a few words."""
    recipe = result.recipe
    if "judged_pictures" in recipe:
        return class_agreement.words(recipe)
    if "reference" not in recipe:
        return f"{recipe['fake_pictures']} pictures, moves: {recipe['moves']}"
    counts = f"{recipe['fake_pictures']} against {recipe['real_pictures']} of {recipe['reference']}"
    return f"{counts}, split {recipe['split']}"


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Write results with their recipes as a JSON list, atomically."""
    write_text(path, json.dumps([result.to_json() for result in results], indent=2, ensure_ascii=False) + "\n")


def _judge(request: Request, loaded: LoadedGenerator, device: torch.device) -> "LoadedClassifier":
    """The classifier, of a label set that the generator has."""
    from classification.snapshot import load_classifier  # brings torchvision, which is slow to import

    assert request.classifier is not None
    classifier = load_classifier(request.classifier, device)
    class_agreement.column_of(loaded.info, classifier)
    return classifier


def _check(
    request: Request,
    of_features: Sequence[Asked[Metric]],
    moves: Sequence[Asked[EquivarianceMetric]],
    classes: Sequence[Asked[AgreementMetric]],
) -> None:
    """Raise a ConfigError for options that are wrong by themselves or lack one another."""
    if (request.network is None) == (request.compare is None):
        raise ConfigError("nothing to score, or two things. Give either --network SNAPSHOT or --compare ARCHIVE.")
    if request.out is not None and request.out.is_dir():
        raise ConfigError(f"--out {request.out}: a folder. Give a file name, for example {request.out}/scores.json.")
    check_psi(request.psi)
    if of_features and request.data is None:
        raise ConfigError(f"--metrics {of_features[0].name}: compares with real pictures. Give --data ARCHIVE.")
    if moves and request.network is None:
        raise ConfigError(f"--metrics {moves[0].name}: moves a generator, not pictures. Give --network SNAPSHOT.")
    if classes and request.network is None:
        raise ConfigError(f"--metrics {classes[0].name}: asks a generator for classes. Give --network SNAPSHOT.")
    if classes and request.classifier is None:
        raise ConfigError(f"--metrics {classes[0].name}: needs a judge. Give --classifier FILE of classify.py train.")
    if request.classifier is not None and not classes:
        raise ConfigError(f"--classifier {request.classifier}: used by class_agreement alone. Add it to --metrics.")


def _against(
    real: Archive, subject: Subject, names: Sequence[str], request: Request, device: torch.device
) -> list[Result]:
    """Score what compares a subject with real pictures."""
    split = _split(request.split, subject.trained_on, real)
    extractor = load_extractor(
        exported=request.extractor,
        exported_sha256=request.extractor_sha256,
        inception_weights=request.inception_weights,
        device=device,
        resolution=real.resolution,
    )
    return score(
        names,
        real=real,
        split=split,
        fakes=subject.pictures,
        extractor=extractor,
        num_samples=request.num_samples,
        seed=request.seed,
        cache=request.cache or DEFAULT_CACHE,
        about=subject.about,
    )


def _split(asked: str | None, trained_on: str | None, real: Archive) -> str | None:
    """The split asked for, else the one trained on, else None for all; it must be there."""
    if asked is None and trained_on not in (None, "all", *real.split_names):
        raise ConfigError(
            f"{real.path.name} has no split '{trained_on}', which the snapshot was trained on. Give --split; "
            f"there are: {', '.join(('all', *real.split_names))}."
        )
    split = asked or trained_on
    real.indices(split)
    return None if split == "all" else split


def _snapshot(loaded: LoadedGenerator, real: Archive, request: Request) -> Subject:
    info, spec = loaded.info, loaded.info.image_spec
    if spec.resolution != real.resolution:
        raise ConfigError(
            f"{real.path.name} holds {real.resolution}-pixel pictures, {loaded.path.name} makes "
            f"{spec.resolution}-pixel ones. Pack the data with --resolution {spec.resolution}."
        )
    if spec.channels != real.channels:
        raise ConfigError(
            f"{real.path.name} holds {_MODES[real.channels]} pictures, {loaded.path.name} makes "
            f"{_MODES[spec.channels]} ones. Score it against the data it was trained on."
        )

    def pictures(count: int) -> Iterator[Tensor]:
        return evaluation_pictures(loaded.network, info, count, seed=request.seed, psi=request.psi, batch=request.batch)

    about = _about(loaded, request) | {"noise_mode": NOISE}
    return Subject(pictures=pictures, about=about, trained_on=info.data.get("split"))


def _about(loaded: LoadedGenerator, request: Request) -> dict[str, Any]:
    """What a recipe says of a snapshot and of how it was sampled."""
    return {
        "network": loaded.path.name,
        "network_sha256": loaded.info.digest,
        "images_seen": loaded.info.images_seen,
        "psi": request.psi,
        "labels": "as often as in the training data" if loaded.info.image_spec.label_sets else "none",
    }


def _archive(other: Archive, real: Archive, most: int, request: Request) -> Subject:
    if (other.resolution, other.channels) != (real.resolution, real.channels):
        raise ConfigError(
            f"--compare {other.path.name}: {other.resolution}-pixel {_MODES[other.channels]} pictures against "
            f"{real.resolution}-pixel {_MODES[real.channels]} ones. Pack one of them again."
        )
    indices = other.indices(request.compare_split)
    if most > len(indices):
        raise ConfigError(
            f"--compare {other.path.name}: {len(indices)} pictures, {most} asked. Use --num-samples {len(indices)}."
        )
    order = indices[torch.randperm(len(indices), generator=seeding.generator(request.seed, "compare")).numpy()]

    def pictures(count: int) -> Iterator[Tensor]:
        starts = range(0, count, request.batch)
        return (other.load(order[start : min(start + request.batch, count)]) for start in starts)

    about = {
        "compared": other.path.name,
        "compared_digest": other.digest,
        "compared_split": request.compare_split or "all",
    }
    return Subject(pictures=pictures, about=about)
