"""What classify.py predict does: class names and probabilities of pictures, or of an archive's unlabelled ones."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from classification.inference import probabilities
from classification.snapshot import LoadedClassifier, load_classifier
from classification.splits import label_set_of
from classification.transforms import whole_square
from dataset.archive import Archive
from dataset.convert import upright
from dataset.decode import PictureError, decode, open_header
from dataset.sources import FolderSource
from torch_utils.errors import ConfigError, DataError
from torch_utils.files import write_text
from torch_utils.labels import UNLABELLED, LabelSet

_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One picture's class, by name, and the probability of each."""

    picture: str
    name: str
    probabilities: tuple[float, ...]

    @property
    def probability(self) -> float:
        """Of the class named."""
        return max(self.probabilities)


def predict(classifier: LoadedClassifier, paths: Sequence[Path], *, every: bool = False) -> Iterator[Prediction]:
    """Predict pictures, all pictures of folders, and those of archives that have no label.

    Args:
        every: of archives, all pictures.
    Raises:
        DataError: nothing there, or a picture that cannot be read; before the first prediction where it is missing.
    """
    _check_there(paths)
    for path in paths:
        yield from _of(classifier, path, every)


def as_csv(predictions: Sequence[Prediction], label_set: LabelSet) -> str:
    """A table with a head: image, the label set's name, probability, and a column for each class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", label_set.name, "probability", *(f"p({name})" for name in label_set.classes)])
    for found in predictions:
        numbers = [f"{value:.6f}" for value in (found.probability, *found.probabilities)]
        writer.writerow([found.picture, found.name, *numbers])
    return text.getvalue()


def predict_files(
    network: Path, paths: Sequence[Path], out: Path | None, device: torch.device | str, *, every: bool = False
) -> Iterator[str]:
    """Predict with a file; lines for people, or a CSV and a line that says where it is."""
    if out is not None and out.is_dir():
        raise ConfigError(f"--out {out}: a folder. Give a file name, for example {out}/predictions.csv.")
    if out is not None and out.suffix.lower() == ".zip":
        raise ConfigError(f"--out {out}: predictions are written as CSV, never into an archive. Use a name like p.csv.")
    classifier = load_classifier(network, device)
    label_set = classifier.info.label_set
    _check_there(paths)
    found = []
    for path in paths:
        before = len(found)
        for prediction in _of(classifier, path, every):
            found.append(prediction)
            if out is None:
                yield line(prediction, label_set)
        if len(found) == before:
            yield f"{path}: nothing to predict, every picture has a {label_set.name}. Add --all for those too."
    if found and out is not None:
        write_text(out, as_csv(found, label_set))
        yield f"{out}: predictions of {label_set.name}, rows: {len(found)}; no archive was changed"


def line(found: Prediction, label_set: LabelSet) -> str:
    """face.png  status=noble 93.1%  (noble 93.1%, warrior 4.0%, …): the three likeliest."""
    order = np.argsort(-np.array(found.probabilities), kind="stable")[:3]
    others = ", ".join(f"{label_set.classes[index]} {found.probabilities[index]:.1%}" for index in order)
    return f"{found.picture}  {label_set.name}={found.name} {found.probability:.1%}  ({others})"


def _check_there(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder. Give pictures, folders, or an archive (.zip).")


def _of(classifier: LoadedClassifier, path: Path, every: bool) -> Iterator[Prediction]:
    if path.suffix.lower() == ".zip":
        return _of_archive(classifier, path, every)
    return _of_files(classifier, _files(path))


def _of_archive(classifier: LoadedClassifier, path: Path, every: bool) -> Iterator[Prediction]:
    archive = Archive.open(path)
    places = np.arange(len(archive))
    if not every and archive.label_sets:
        column, _ = label_set_of(archive, classifier.info.label_set.name)
        places = places[archive.labels[:, column].numpy() == UNLABELLED]
    known = archive.manifest.original_names
    names = [known.get(archive.names[place], archive.names[place]) for place in places]
    for start in range(0, len(places), _BATCH):
        pictures = archive.load(places[start : start + _BATCH])
        yield from _predictions(classifier, names[start : start + _BATCH], pictures)


def _of_files(classifier: LoadedClassifier, paths: Sequence[Path]) -> Iterator[Prediction]:
    for start in range(0, len(paths), _BATCH):
        part = paths[start : start + _BATCH]
        pictures = torch.cat([whole_square(_read(path), classifier.info.resize) for path in part])
        yield from _predictions(classifier, [str(path) for path in part], pictures)


def _predictions(classifier: LoadedClassifier, names: Sequence[str], pictures: Tensor) -> Iterator[Prediction]:
    classes = classifier.info.label_set.classes
    for name, row in zip(names, probabilities(classifier, pictures).tolist(), strict=True):
        yield Prediction(picture=name, name=classes[int(np.argmax(row))], probabilities=tuple(row))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    with FolderSource(path) as source:
        names = source.pictures
    if not names:
        raise DataError(f"{path}: holds no pictures (PNG, JPEG, WebP, TIFF or BMP). Check the path.")
    return [path / name for name in names]


def _read(path: Path) -> Tensor:
    """A picture in RGB, upright: uint8 [1, 3, H, W]."""
    try:
        picture = open_header(path.read_bytes())
        decode(picture)
        array = np.array(upright(picture).convert("RGB"))
    except (PictureError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Leave it out or replace it.") from error
    return torch.from_numpy(array).permute(2, 0, 1)[None]
