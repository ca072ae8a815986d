"""A linear probe: the head alone is trained, on features computed once."""

import pytest
import torch

from classification.evaluate import evaluate
from classification.models import build
from classification.snapshot import load_classifier
from dataset.archive import Archive
from tests.support.tiny_classifier import NAME, train_tiny
from torch_utils.errors import ConfigError


def test_a_probe_changes_the_head_alone_and_what_is_saved_is_whole(discs, tmp_path):
    given = build(NAME, 1000, seed=4)
    torch.save(given.state_dict(), tmp_path / "w.pth")
    result = train_tiny(
        discs,
        tmp_path / "run",
        preset="probe",
        weights=str(tmp_path / "w.pth"),
        epochs=60,
        settings=("optimizer.lr=0.05",),
    )
    loaded = load_classifier(result.snapshot)
    for name, tensor in loaded.network.state_dict().items():
        assert torch.equal(tensor, given.state_dict()[name]) == (not name.startswith("8."))
    found = evaluate(loaded, Archive.open(discs), "dev", allow_seen=True)
    assert found.scores.accuracy == pytest.approx(result.dev_accuracy)
    assert result.dev_accuracy > 0.7


def test_the_head_of_a_convolution_cannot_be_probed(discs, tmp_path):
    torch.save(build("squeezenet1_1", 1000).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="the head of squeezenet1_1 is no linear layer"):
        train_tiny(
            discs, tmp_path / "run", model="squeezenet1_1", preset="probe", weights=str(tmp_path / "w.pth"), size=32
        )
