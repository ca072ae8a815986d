"""What classify.py evaluate does: a saved classifier on pictures it has not seen, and all that is worth knowing."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from classification.config import ClassifierConfig, DataConfig
from classification.figures import confusion_picture, contact_sheet
from classification.inference import probabilities
from classification.scores import Scores, scores
from classification.snapshot import LoadedClassifier, load_classifier
from classification.splits import Division, divide, label_set_of
from dataset.archive import Archive
from dataset.identity import identities
from dataset.text_table import aligned
from torch_utils.config import from_json
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import atomic_write, write_text
from torch_utils.images import write_png
from torch_utils.version import PROJECT_VERSION

RESULT, PREDICTIONS, CONFUSION, MISTAKES = "evaluation.json", "predictions.npz", "confusion.png", "mistakes.png"
_MOST_MISTAKES, _COLUMNS = 40, 8
_TOLERATED = 0.01  # share of pictures seen before: official splits hold a few faces twice; more is another split


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores with what they are of.

    Attributes:
        missing: names of labelled pictures of the split that the archive's source lacked, "" where unnamed.
        seen: pictures among those scored that were trained or stopped on.
        probabilities, labels: of each picture, in the archive's order.
    """

    scores: Scores
    part: str
    how: str
    names: tuple[str, ...]
    missing: tuple[str, ...]
    seen: int
    majority: float
    probabilities: np.ndarray
    labels: np.ndarray
    places: np.ndarray


def evaluate(
    classifier: LoadedClassifier, archive: Archive, part: str = "test", *, allow_seen: bool = False
) -> Evaluation:
    """Score a classifier on a part of an archive, divided as for its training.

    Raises:
        ConfigError: other classes than the classifier's; pictures it was trained on, unless allowed.
        DataError: the part holds no labelled picture.
    """
    info = classifier.info
    column, label_set = label_set_of(archive, info.label_set.name)
    if label_set.classes != info.label_set.classes:
        raise ConfigError(
            f"{archive.path.name}: {label_set.name} has classes {', '.join(label_set.classes)}; {classifier.path.name} "
            f"knows {', '.join(info.label_set.classes)}. Use the archive it was trained on, or train again."
        )
    data = from_json(ClassifierConfig, info.config, "config").data
    division = divide(archive, replace(data, label=label_set.name))
    places = _places(archive, division, part)
    seen = int(np.isin(identities(archive)[torch.from_numpy(places)].numpy(), classifier.seen.numpy()).sum())
    if seen > _TOLERATED * len(places) and not allow_seen:
        raise ConfigError(
            f"{archive.path.name}, {part} ({division.how}): {seen} of {len(places)} pictures were trained on or "
            "stopped on. Score another split, or the archive it was trained on, or add --allow-seen."
        )
    labels = archive.labels[places, column].numpy()
    found = probabilities(classifier, archive.load(places), f"{part} pictures").double().numpy()
    return Evaluation(
        scores=scores(found, labels, label_set.classes),
        part=part,
        how=division.how,
        names=label_set.classes,
        missing=_missing(archive, data, part),
        seen=seen,
        majority=majority_share(archive, column, division, labels),
        probabilities=found,
        labels=labels,
        places=places,
    )


def majority_share(archive: Archive, column: int, division: Division, labels: np.ndarray) -> float:
    """Accuracy of always saying the commonest class of train (of the scored pictures, where there is no train)."""
    known = archive.labels[division.parts["train"], column].numpy()
    commonest = np.bincount(known if len(known) else labels).argmax()
    return float((labels == commonest).mean())


def write_evaluation(folder: Path, found: Evaluation, classifier: LoadedClassifier, archive: Archive) -> dict[str, Any]:
    """Write the numbers, the predictions, the confusion matrix and the mistakes into a folder; returns the numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    document = as_json(found, classifier, archive)
    write_text(folder / RESULT, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    with atomic_write(folder / PREDICTIONS) as temporary, temporary.open("wb") as file:
        np.savez(file, probabilities=found.probabilities.astype(np.float32), labels=found.labels, places=found.places)
    text = {
        "Software": f"kaokore-stylegan {PROJECT_VERSION}",
        "classifier_sha256": classifier.info.digest,
        "data": archive.path.name,
    }
    title = f"{classifier.info.name}, {found.part}: {found.scores.accuracy:.1%} of {found.scores.pictures}"
    write_png(folder / CONFUSION, confusion_picture(np.array(found.scores.confusion), found.names, title), text)
    if (sheet := _mistakes(found, archive)) is not None:
        licence = {f"data_{key}": value for key in ("licence", "attribution") if (value := getattr(archive, key))}
        write_png(folder / MISTAKES, sheet, text | licence)
    else:
        (folder / MISTAKES).unlink(missing_ok=True)
    return document


def as_json(found: Evaluation, classifier: LoadedClassifier, archive: Archive) -> dict[str, Any]:
    """The numbers and what they are of, as plain values; nan as null."""
    info = classifier.info
    return _without_nan(
        {
            "label": info.label_set.name,
            "model": info.model,
            "preset": info.config.get("preset", ""),
            "weights": info.weights.source,
            "size": info.size,
            "epoch": info.epoch,
            "dev": info.metrics,
            "shuffled_labels": bool(info.data.get("shuffled")),
            "part": found.part,
            "split": found.how,
            **asdict(found.scores),
            "majority": found.majority,
            "seen_in_training": found.seen,
            "missing": {"pictures": len(found.missing), "names": [name for name in found.missing if name]},
            "classifier_sha256": info.digest,
            "data": archive.path.name,
            "data_digest": archive.digest,
            "source": archive.source,
            "seed": info.config.get("seed", 0),
            "project_version": PROJECT_VERSION,
            "torch": torch.__version__,
        }
    )


def lines(found: Evaluation, info_name: str) -> list[str]:
    """For people."""
    low, high = found.scores.interval
    s = found.scores
    heading = [
        f"{info_name}: {s.accuracy:.2%} ({s.correct} of {s.pictures}; 95 % interval {low:.2%} to {high:.2%})",
        f"{found.part}, {found.how}; majority {found.majority:.2%}",
        f"macro-F1 {s.macro_f1:.4f}, balanced accuracy {s.balanced_accuracy:.2%}, ECE {s.ece:.4f}",
    ]
    if found.missing:
        named = [name for name in found.missing if name]
        shown = f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})" if named else ""
        heading.append(f"missing: {len(found.missing)} labelled pictures of {found.part} are not in the archive{shown}")
    if found.seen:
        heading.append(f"beware: {found.seen} of these pictures were trained or stopped on")
    rows = [["class", "pictures", "predicted", "precision", "recall", "F1"]]
    rows += [
        [c.name, str(c.pictures), str(c.predicted), *(_share(v) for v in (c.precision, c.recall, c.f1))]
        for c in s.classes
    ]
    return [*heading, *aligned(rows, texts=1)]


def evaluate_file(
    network: Path, data: Path, part: str, out: Path | None, device: torch.device, *, allow_seen: bool = False
) -> list[str]:
    """Score a file on an archive and write everything; the lines for people."""
    classifier = load_classifier(network, device)
    archive = Archive.open(data)
    found = evaluate(classifier, archive, part, allow_seen=allow_seen)
    folder = out or network.parent / f"evaluation-{part}"
    write_evaluation(folder, found, classifier, archive)
    return [*lines(found, classifier.info.name), f"in {folder}: {RESULT}, {CONFUSION}, {MISTAKES}, {PREDICTIONS}"]


def _places(archive: Archive, division: Division, part: str) -> np.ndarray:
    if part not in division.parts:
        raise ConfigError(f"--split {part}: no such part. Use one of: {', '.join(division.parts)}.")
    if not len(division.parts[part]):
        raise DataError(
            f"{archive.path.name}: no labelled picture in {part} ({division.how}). Use an archive that has them, or "
            "train with --split-by holdout or book."
        )
    return division.parts[part]


def _missing(archive: Archive, data: DataConfig, part: str) -> tuple[str, ...]:
    """Of an official split; a split drawn here is of the pictures there are."""
    if data.split_by != "official":
        return ()
    manifest = archive.manifest
    names = manifest.lacking_names.get(part, ())
    return (*names, *("",) * (manifest.lacking.get(part, 0) - len(names)))


def _mistakes(found: Evaluation, archive: Archive) -> np.ndarray | None:
    """The most confident ones first, each with what it is, what it was taken for, and how surely; None without any."""
    predicted = found.probabilities.argmax(1)
    confidence = found.probabilities.max(1)
    wrong = np.flatnonzero(predicted != found.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MOST_MISTAKES]
    if not len(wrong):
        return None
    known = archive.manifest.original_names
    names = [known.get(archive.names[place], archive.names[place]) for place in found.places]
    captions: list[Sequence[str]] = [
        (
            str(found.names[found.labels[i]]),
            f"as {found.names[predicted[i]]}",
            f"{confidence[i]:.1%}  {Path(names[i]).stem}",
        )
        for i in wrong
    ]
    return contact_sheet(archive.load(found.places[wrong]).numpy(), captions, _COLUMNS)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
