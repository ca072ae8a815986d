"""Checkpoints: whole or refused; a damaged, foreign or unfit file is never taken for a state."""

import contextlib
import errno
import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from dataset.archive import Archive
from networks.snapshot import SnapshotInfo
from tests.support.tiny_run import TINY, write_archive
from torch_utils.errors import SnapshotError, StorageError
from training.checkpoint import is_whole, load_checkpoint, newest_checkpoint, save_checkpoint
from training.data import load_training_data
from training.options import Flags, open_run
from training.state import TrainingState

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


def build(data: Path, *settings: str) -> TrainingState:
    flags = Flags(data=data, outdir=data.parent / "none", gpus=0, batch=8, settings=(*TINY, *settings))
    config, _, archive = open_run(flags)
    assert isinstance(archive, Archive)
    return TrainingState.build(config, load_training_data(archive, config.data, 0, CPU), CPU)


@pytest.fixture
def saved(data, tmp_path) -> Path:
    state = build(data)
    state.images_seen, state.batches_done, state.players.augment_p = 16, 2, 0.25
    return save_checkpoint(tmp_path, state)


def test_a_state_comes_back_whole(data, saved):
    fresh = build(data, "runtime.seed=7")
    load_checkpoint(saved, fresh)
    assert (fresh.images_seen, fresh.batches_done, fresh.players.augment_p) == (16, 2, 0.25)
    same(fresh, build(data))


def test_a_file_cut_anywhere_is_not_whole(saved, tmp_path):
    content = saved.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.pt").write_bytes(content[:length])
        assert not is_whole(tmp_path / "cut.pt"), length


def test_a_flipped_bit_never_changes_a_tensor_unseen(data, saved, tmp_path):
    content = bytearray(saved.read_bytes())
    draw, damaged, like = random.Random(4), tmp_path / "flipped.pt", build(data)
    for _ in range(60):
        place, bit = draw.randrange(len(content)), 1 << draw.randrange(8)
        content[place] ^= bit
        damaged.write_bytes(content)
        content[place] ^= bit
        if is_whole(damaged):  # padding, or the zip's own headers
            fresh = build(data, "runtime.seed=7")
            with contextlib.suppress(SnapshotError):
                load_checkpoint(damaged, fresh)
                same(fresh, like)


def test_whatever_bit_of_its_directory_is_flipped_a_checkpoint_is_whole_or_not(saved, tmp_path):
    content, damaged = bytearray(saved.read_bytes()), tmp_path / "flipped.pt"
    begin = content.index(b"PK\x01\x02")
    for place in range(begin, len(content), max((len(content) - begin) // 250, 1)):
        for bit in (1, 8, 128):
            content[place] ^= bit
            damaged.write_bytes(content)
            content[place] ^= bit
            assert is_whole(damaged) in (True, False)  # no other error


def same(one: TrainingState, other: TrainingState) -> None:
    """Both networks bit-equal."""
    for mine, theirs in zip(
        (one.players.generator, one.players.discriminator, one.ema),
        (other.players.generator, other.players.discriminator, other.ema),
        strict=True,
    ):
        torch.testing.assert_close(mine.state_dict(), theirs.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "content",
    [
        {"format": "kaokore-stylegan checkpoint 0"},
        {"generator": {}},
        [1, 2, 3],
        torch.zeros(3),
        {"format": "kaokore-stylegan checkpoint 2", "generator": {}},
        {"format": "kaokore-stylegan checkpoint 2"},
    ],
)
def test_a_file_of_something_else_is_refused(data, tmp_path, content):
    path = tmp_path / "checkpoint-000000001.pt"
    torch.save(content, path)
    assert newest_checkpoint(tmp_path, print) == path
    with pytest.raises(SnapshotError, match=r"checkpoint-000000001.pt: not a "):
        load_checkpoint(path, build(data))


def test_an_object_that_would_run_code_is_refused(data, tmp_path):
    path = tmp_path / "checkpoint-000000001.pt"
    torch.save({"format": SnapshotInfo}, path)
    with pytest.raises(SnapshotError, match="not a checkpoint of this program"):
        load_checkpoint(path, build(data))


def test_another_networks_state_is_refused(data, saved):
    with pytest.raises(SnapshotError, match="not a state of these networks"):
        load_checkpoint(saved, build(data, "generator.z_dim=16"))


def test_a_whole_older_one_stands_in_for_a_damaged_newest(saved):
    newer = saved.with_name("checkpoint-000000032.pt")
    shutil.copy(saved, newer)
    assert newest_checkpoint(saved.parent, print) == newer
    newer.write_bytes(newer.read_bytes()[:-100])
    assert newest_checkpoint(saved.parent, print) == saved
    saved.write_bytes(b"")
    with pytest.raises(SnapshotError, match="no older checkpoint is whole"):
        newest_checkpoint(saved.parent, print)


def test_a_failed_write_keeps_the_older_ones_and_leaves_nothing(data, saved, monkeypatch):
    def full(*_):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904 - as torch.save does it

    monkeypatch.setattr(torch, "save", full)
    state = build(data)
    state.images_seen = 64
    with pytest.raises(StorageError, match="no space left on the disk"):
        save_checkpoint(saved.parent, state)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_an_error_of_our_own_while_saving_is_not_called_a_full_disk(data, saved, monkeypatch):
    def broken(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch, "save", broken)
    state = build(data)
    state.images_seen = 64
    with pytest.raises(RuntimeError, match="illegal memory access"):
        save_checkpoint(saved.parent, state)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
