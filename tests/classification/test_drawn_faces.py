"""A short training learns what drawn faces are, on faces it has not seen; with shuffled labels it learns nothing."""

from pathlib import Path

import pytest
import torch

from classification.evaluate import Evaluation, evaluate
from classification.options import TrainFlags, config_of
from classification.run import train
from classification.snapshot import load_classifier
from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "faces.zip"
    pack_drawn_faces(path, count=700, resolution=32, seed=3)
    return path


def learned(data: Path, folder: Path, label: str, epochs: int, *settings: str) -> Evaluation:
    config = config_of(
        TrainFlags(
            data=data,
            label=label,
            model="resnet18",
            weights="none",
            split_by="holdout",
            size=32,
            epochs=epochs,
            settings=("optimizer.lr=0.002", "schedule.rate=cosine", "augment.smallest_crop=0.7", *settings),
        )
    )
    archive = Archive.open(data)
    result = train(config, archive, folder, torch.device("cpu"), log=lambda _: None)
    return evaluate(load_classifier(result.snapshot), archive)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("label", "classes"), [("gender", 2), ("status", 4)])
def test_nine_of_ten_held_out_faces_are_named_rightly(faces, tmp_path, label, classes):
    found = learned(faces, tmp_path / "run", label, 4)
    assert len(found.names) == classes and found.seen == 0
    assert found.scores.accuracy >= 0.9 > found.majority


@pytest.mark.timeout(600)
def test_with_shuffled_labels_nothing_is_learned(faces, tmp_path):
    found = learned(faces, tmp_path / "run", "status", 2, "data.shuffle_labels=true")
    assert found.scores.accuracy <= found.majority + 0.05
    assert found.scores.balanced_accuracy <= 0.35  # 0.25 is chance
