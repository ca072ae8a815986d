"""Training: it learns, stops early, goes on exactly, and keeps the class order of the archive."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from classification import run as runs
from classification.checkpoint import NAME
from classification.evaluate import evaluate
from classification.snapshot import load_classifier
from dataset.archive import Archive
from tests.support.tiny_classifier import train_tiny
from torch_utils.errors import ConfigError, SnapshotError


def history(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def test_a_run_leaves_its_options_curves_and_the_best_weights(discs, trained):
    there = {path.name for path in trained.folder.iterdir()}
    assert {"config.json", "stats.jsonl", "tensorboard", "checkpoint.pt", "classifier.safetensors"} <= there
    loaded = load_classifier(trained.snapshot)
    assert loaded.info.epoch == trained.best_epoch
    assert loaded.info.data["digest"] == Archive.open(discs).digest
    assert loaded.info.data["attribution"] == "drawn by a test"
    assert max(line["accuracy/dev"] for line in history(trained.folder)) == trained.dev_accuracy > 0.9


def test_classes_keep_the_archives_order_not_the_alphabets(discs, trained):
    archive, loaded = Archive.open(discs), load_classifier(trained.snapshot)
    assert loaded.info.label_set.classes == ("red", "blue")
    found = evaluate(loaded, archive)
    red = archive.load(found.places)[:, 0].float().amin((1, 2)) > 100  # a red disc has no dark pixel in the red channel
    assert (found.labels == np.where(red.numpy(), 0, 1)).all()
    assert found.scores.accuracy > 0.9


def test_it_stops_when_dev_no_longer_gets_better_and_keeps_the_best(discs, tmp_path):
    result = train_tiny(
        discs,
        tmp_path / "run",
        epochs=40,
        settings=("data.shuffle_labels=true", "schedule.patience=3", "optimizer.lr=0.003"),
    )
    lines = history(result.folder)
    assert result.epochs == len(lines) == result.best_epoch + 3 < 40
    best = max(lines, key=lambda line: (line["accuracy/dev"], -line["loss/dev"]))
    assert best["epoch"] == result.best_epoch


def test_the_saved_weights_are_those_of_the_best_epoch(discs, trained):
    found = evaluate(load_classifier(trained.snapshot), Archive.open(discs), "dev", allow_seen=True)
    assert found.scores.accuracy == pytest.approx(trained.dev_accuracy)
    assert found.seen == found.scores.pictures


@pytest.mark.parametrize("preset", ["paper", "modern"])
def test_a_stopped_run_goes_on_bit_equal(discs, tmp_path, monkeypatch, preset):
    """modern: moving average, AdamW, cosine, TrivialAugment."""
    changes: dict = {"preset": preset, "settings": ()}
    unbroken = train_tiny(discs, tmp_path / "unbroken", **changes)
    taken = 0

    def stop_once(_) -> int:
        nonlocal taken
        taken += 1
        return 143 if taken == 8 else 0

    monkeypatch.setattr(runs.Interrupts, "take", stop_once)
    stopped = train_tiny(discs, tmp_path / "broken", **changes)
    assert (stopped.interrupted, stopped.epochs) == (143, 1)
    torch.manual_seed(99)
    resumed = train_tiny(discs, tmp_path / "broken", **changes)
    assert (resumed.interrupted, resumed.epochs) == (0, 3)
    assert load_classifier(resumed.snapshot).info.digest == load_classifier(unbroken.snapshot).info.digest
    assert history(resumed.folder) == history(unbroken.folder)
    first, second = (torch.load(tmp_path / name / NAME, weights_only=True) for name in ("unbroken", "broken"))
    for name, tensor in first["module"].items():
        assert torch.equal(tensor, second["module"][name])


def test_a_finished_run_is_not_trained_again_but_a_longer_one_goes_on(discs, tmp_path):
    first = train_tiny(discs, tmp_path / "run", epochs=2)
    before = (first.folder / NAME).read_bytes()
    again = train_tiny(discs, tmp_path / "run", epochs=2)
    assert (again.epochs, (first.folder / NAME).read_bytes()) == (2, before)
    assert train_tiny(discs, tmp_path / "run", epochs=3).epochs == 3


def test_another_option_in_the_same_folder_is_refused_by_name(discs, tmp_path):
    train_tiny(discs, tmp_path / "run", epochs=1)
    with pytest.raises(ConfigError, match="holds a run with other options \\(seed was 0, is 1\\)"):
        train_tiny(discs, tmp_path / "run", epochs=1, seed=1)


def test_a_damaged_checkpoint_is_one_line(discs, tmp_path):
    train_tiny(discs, tmp_path / "run", epochs=1)
    path = tmp_path / "run" / NAME
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SnapshotError, match="checkpoint.pt: damaged"):
        train_tiny(discs, tmp_path / "run", epochs=2)


def test_training_leaves_the_random_state_of_its_caller_alone(discs, tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    train_tiny(discs, tmp_path / "run", epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
