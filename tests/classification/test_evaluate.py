"""classify.py evaluate: what it writes, what it refuses, what it says of missing pictures."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classification.evaluate import evaluate, evaluate_file, lines
from classification.snapshot import load_classifier
from dataset.archive import Archive
from tests.support.drawn_pictures import write_zip
from tests.support.tiny_classifier import train_tiny
from tests.support.tiny_run import write_archive
from torch_utils.errors import ConfigError, DataError
from torch_utils.images import read_png_text


def rewritten(path: Path, to: Path, change) -> Path:
    """A copy of an archive with its dataset.json changed."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["dataset.json"])
    change(manifest)
    return write_zip(to, files | {"dataset.json": json.dumps(manifest)})


def test_it_writes_numbers_predictions_a_matrix_and_the_mistakes(discs, tmp_path):
    trained = train_tiny(discs, tmp_path / "run", epochs=1, label="size")
    said = evaluate_file(trained.snapshot, discs, "test", None, "cpu")
    folder = trained.folder / "evaluation-test"
    document = json.loads((folder / "evaluation.json").read_text())
    assert document["split"] == "seeded hold-out 0 of the train split"
    assert document["pictures"] == sum(map(sum, document["confusion"])) > 0
    low, high = document["interval"]
    assert low <= document["accuracy"] <= high
    assert document["missing"] == {"pictures": 0, "names": []}
    assert said[0].startswith(f"tiny_for_tests size: {document['accuracy']:.2%} ({document['correct']} of ")
    with np.load(folder / "predictions.npz") as found:
        assert found["probabilities"].sum(1) == pytest.approx(1, abs=1e-6)
        right = found["probabilities"].argmax(1) == found["labels"]
    assert right.sum() == document["correct"] < document["pictures"]
    with Image.open(folder / "confusion.png") as matrix:
        assert matrix.width > 200
    assert read_png_text(folder / "mistakes.png")["data_licence"] == "CC0"


def test_pictures_it_was_trained_on_are_refused_unless_allowed(discs, trained):
    loaded, archive = load_classifier(trained.snapshot), Archive.open(discs)
    with pytest.raises(ConfigError, match="train .*: 40 of 40 pictures were trained on or stopped on. .* --allow-seen"):
        evaluate(loaded, archive, "train")
    found = evaluate(loaded, archive, "train", allow_seen=True)
    assert "beware: 40 of these pictures were trained or stopped on" in lines(found, "x")


def test_a_split_under_another_name_does_not_hide_that_pictures_were_seen(discs, trained, tmp_path):
    """KaoKore's splits and file names differ between its versions: what was trained on is known by its content."""

    def turned(manifest) -> None:
        manifest["splits"] = {name: {"train": "test", "test": "train"}[s] for name, s in manifest["splits"].items()}

    other = rewritten(discs, tmp_path / "turned.zip", turned)
    official = train_tiny(discs, tmp_path / "run", epochs=1, split_seed=3)
    assert evaluate(load_classifier(official.snapshot), Archive.open(discs)).seen == 0
    found = evaluate(load_classifier(official.snapshot), Archive.open(other))  # a tenth of what never was trained on
    assert found.seen == 0

    def all_for_test(manifest) -> None:
        manifest["splits"] = dict.fromkeys(manifest["splits"], "test")

    everything = Archive.open(rewritten(discs, tmp_path / "all.zip", all_for_test))
    with pytest.raises(ConfigError, match="pictures were trained on or stopped on"):
        evaluate(load_classifier(official.snapshot), everything)


def test_missing_pictures_are_counted_and_named(discs, tmp_path):
    def official(manifest) -> None:
        names = sorted(manifest["splits"])
        manifest["splits"] = {name: ("train", "dev", "test")[place % 3] for place, name in enumerate(names)}
        manifest["lacking"] = {"test": 3, "train": 7}
        manifest["lacking_names"] = {"test": ["00000000.jpg", "00000007.jpg"]}

    data = rewritten(discs, tmp_path / "partial.zip", official)
    trained = train_tiny(data, tmp_path / "run", epochs=1, split_by="official")
    said = evaluate_file(trained.snapshot, data, "test", tmp_path / "out", "cpu")
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert document["missing"] == {"pictures": 3, "names": ["00000000.jpg", "00000007.jpg"]}
    assert "missing: 3 labelled pictures of test are not in the archive (00000000.jpg, 00000007.jpg)" in said


def test_other_classes_than_the_classifiers_are_refused(discs, trained, tmp_path):
    def swap(manifest) -> None:
        manifest["label_sets"]["colour"]["classes"] = ["blue", "red"]

    other = Archive.open(rewritten(discs, tmp_path / "swapped.zip", swap))
    with pytest.raises(ConfigError, match="colour has classes blue, red; classifier.safetensors knows red, blue"):
        evaluate(load_classifier(trained.snapshot), other)


def test_a_part_without_pictures_is_refused_before_training(tmp_path):
    data = write_archive(tmp_path / "d.zip", count=8, resolution=32)
    with pytest.raises(DataError, match="no colour label in dev"):
        train_tiny(data, tmp_path / "run", epochs=1, split_by="official")
