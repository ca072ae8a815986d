"""Checkpoint files: what is not whole, not ours, or does not fit is one line."""

import pytest
import torch
from torch import nn

from torch_utils.checkpoint_file import filling, read_checkpoint, write_checkpoint
from torch_utils.errors import SnapshotError


def test_what_was_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "c.pt", {"format": "ours 1", "step": 3, "weights": {"a": torch.arange(4.0)}})
    found = read_checkpoint(tmp_path / "c.pt", "ours 1")
    assert found["step"] == 3
    assert torch.equal(found["weights"]["a"], torch.arange(4.0))
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.parametrize("contents", [{"format": "ours 2", "step": 3}, {"step": 3}])
def test_another_version_or_program_is_refused(tmp_path, contents):
    write_checkpoint(tmp_path / "c.pt", contents)
    with pytest.raises(SnapshotError, match="c.pt: not a checkpoint of this version"):
        read_checkpoint(tmp_path / "c.pt", "ours 1")


def test_code_is_not_run(tmp_path):
    torch.save({"format": "ours 1", "network": nn.Linear(2, 2)}, tmp_path / "c.pt")
    with pytest.raises(SnapshotError, match="c.pt: not a checkpoint of this program"):
        read_checkpoint(tmp_path / "c.pt", "ours 1")


@pytest.mark.parametrize("damage", [lambda whole: whole[:-40], lambda whole: b"PK" + whole[:30], lambda _: b""])
def test_a_damaged_file_is_told(tmp_path, damage):
    path = tmp_path / "c.pt"
    write_checkpoint(path, {"format": "ours 1", "weights": torch.rand(1000)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SnapshotError, match="c.pt: damaged"):
        read_checkpoint(path, "ours 1")


def test_a_state_of_another_network_is_told(tmp_path):
    with (
        pytest.raises(SnapshotError, match="c.pt: not a state of these networks .*size mismatch"),
        filling(tmp_path / "c.pt"),
    ):
        nn.Linear(2, 2).load_state_dict(nn.Linear(3, 2).state_dict())
