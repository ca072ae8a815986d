"""classify.py table: every cell once, resumable, beside the paper's figures."""

import json

import numpy as np
import pytest
import torch

from classification import table as tables
from classification.paper import ACCURACY, paper_correct
from classification.scores import paired_difference
from classification.table import TableRequest, make_table
from classification.table_rows import clear_differences, row_of
from tests.support.tiny_classifier import NAME
from torch_utils.errors import ConfigError

CPU = torch.device("cpu")


def request(discs, folder, **changes) -> TableRequest:
    usual: dict = {
        "models": [NAME],
        "labels": ["colour", "size"],
        "presets": ["paper", "modern"],
        "splits": ["holdout"],
        "seeds": 2,
        "weights": "none",
        "size": 16,
        "epochs": 1,
        "batch": 8,
    }
    return TableRequest(data=discs, outdir=folder, **usual | changes)


def test_every_cell_is_trained_once_and_a_stopped_table_goes_on(discs, tmp_path, monkeypatch):
    trained: list[str] = []
    real = tables.train

    def counted(config, archive, folder, device):
        trained.append(folder.name)
        if len(trained) == 4:
            raise KeyboardInterrupt
        return real(config, archive, folder, device, log=lambda _: None)

    monkeypatch.setattr(tables, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        make_table(request(discs, tmp_path / "t"), CPU, lambda _: None)
    said: list[str] = []
    assert make_table(request(discs, tmp_path / "t"), CPU, said.append) == 0
    assert said[0] == f"8 trainings, 3 of them done already, in {tmp_path / 't'}"
    assert len(trained) == 9 and len(set(trained)) == 8
    document = json.loads((tmp_path / "t" / "table.json").read_text())
    assert [(block["split"], block["label"], len(block["rows"])) for block in document["blocks"]] == [
        ("holdout", "colour", 2),
        ("holdout", "size", 2),
    ]
    row = document["blocks"][0]["rows"][0]
    assert (row["model"], row["preset"], len(row["accuracies"])) == (NAME, "paper", 2)
    assert row["accuracy"] == pytest.approx(np.mean(row["accuracies"]))
    markdown = (tmp_path / "t" / "table.md").read_text()
    assert "## colour, holdout split" in markdown and f"| {NAME} | modern | 2 | " in markdown
    assert "5 test pictures. Always saying the commonest class: " in markdown


def test_other_options_in_the_same_folder_are_refused_before_training(discs, tmp_path):
    small: dict = {"labels": ["colour"], "presets": ["paper"], "seeds": 1}
    make_table(request(discs, tmp_path / "t", **small), CPU, lambda _: None)
    with pytest.raises(ConfigError, match="other options \\(batch_size was 8, is 4\\)"):
        make_table(request(discs, tmp_path / "t", **small, batch=4), CPU, lambda _: None)


def test_a_size_that_one_network_does_not_take_is_said_before_any_training(discs, tmp_path):
    with pytest.raises(ConfigError, match="--size 16: vgg11 does not take it"):
        make_table(request(discs, tmp_path / "t", models=[NAME, "vgg11"]), CPU, lambda _: None)
    assert not (tmp_path / "t").exists()


def test_a_split_that_cannot_be_made_is_said_before_any_training(discs, tmp_path):
    with pytest.raises(ConfigError, match="says of no picture which book it is from"):
        make_table(request(discs, tmp_path / "t", splits=["holdout", "book"]), CPU, lambda _: None)
    assert not (tmp_path / "t").exists()


def test_the_papers_figures_are_whole_counts_of_527():
    for model, percents in ACCURACY.items():
        for label, percent in zip(("gender", "status"), percents, strict=True):
            correct = paper_correct(model, label)
            assert correct is not None and round(100 * correct / 527, 2) == pytest.approx(percent, abs=0.0101)
    assert [paper_correct("resnet34", label) for label in ("gender", "status")] == [493, 447]


def made_row(right, *, model="resnet34", preset="paper", source="KaoKore v1.0", split="official"):
    document = {
        "accuracy": float(right.mean()),
        "macro_f1": 0.5,
        "balanced_accuracy": 0.5,
        "ece": 0.1,
        "missing": {"pictures": 0},
        "source": source,
    }
    return row_of(split, "status", model, preset, [(document, right)])


def test_a_row_is_compared_with_the_paper_only_on_the_papers_pictures():
    right = np.arange(527) < 470
    row = made_row(right)
    assert row.from_paper is not None and row.from_paper.value == pytest.approx((470 - 447) / 527)
    assert row.from_paper.is_clear  # 4.4 points of 527
    for other in (
        made_row(right, source="KaoKore v1.3"),
        made_row(right, split="book"),
        made_row(right[:500]),
        made_row(right, model="resnet50"),
    ):
        assert other.from_paper is None


def test_clear_differences_are_those_whose_paired_interval_leaves_0_out():
    right = np.arange(500) < 400
    much, little = right.copy(), right.copy()
    much[:50], little[:2] = False, False
    rows = [made_row(right, preset="a"), made_row(much, preset="b"), made_row(little, preset="c")]
    found = clear_differences(rows)
    assert [(item.better, item.worse) for item in found] == [("resnet34 a", "resnet34 b"), ("resnet34 c", "resnet34 b")]
    assert found[0].difference == paired_difference(right, much)
    few = right.copy()
    few[:9] = False  # its interval leaves 0 out, but nine pictures are too few to say so
    assert paired_difference(right, few).is_clear
    assert clear_differences([rows[0], made_row(few, preset="d")]) == []
