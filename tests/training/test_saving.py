"""Saving while training goes on: what is written is the moment it was asked for, and a thread's failure is heard."""

import threading
import time
from pathlib import Path

import pytest
import torch

from tests.support.tiny_run import TINY, write_archive
from torch_utils.errors import StorageError
from torch_utils.files import storage_error
from training import saving
from training.options import Flags, open_run
from training.run import Run
from training.saving import Saver, copied


@pytest.fixture
def saver(tmp_path) -> Saver:
    data = write_archive(tmp_path / "discs.zip")
    flags = Flags(data=data, outdir=tmp_path / "run", settings=TINY, gpus=0)
    return Run(*open_run(flags)).saver


def test_what_is_written_is_the_moment_it_was_asked_for(saver, monkeypatch):
    go, real = threading.Event(), saving.write_checkpoint

    def slow(folder: Path, contents, **options):
        assert go.wait(30)
        return real(folder, contents, **options)

    monkeypatch.setattr(saving, "write_checkpoint", slow)
    path, weights = saver.save()[0], saver.state.players.generator.state_dict()
    before = {name: tensor.clone() for name, tensor in weights.items()}
    for tensor in weights.values():
        tensor.add_(1)  # training goes on meanwhile
    go.set()
    saver.wait()
    written = torch.load(max(saver.folder.glob("checkpoint-*.pt")), weights_only=True)["generator"]
    assert path.exists() and all(torch.equal(written[name], tensor) for name, tensor in before.items())


def fail(error: BaseException):
    def write(*_, **__):
        raise error

    return write


def test_a_failed_save_is_told_at_the_next_and_raised_at_the_last(saver, monkeypatch):
    full = storage_error(saver.folder / "checkpoint.pt", OSError(28, "No space left on device"))
    monkeypatch.setattr(saving, "write_checkpoint", fail(full))
    said = []
    saver.log = said.append
    saver.save()
    saver.save()
    assert len(said) == 1 and "not all was saved" in said[0] and "tries again at the next snapshot" in said[0]
    with pytest.raises(StorageError, match="no space left"):
        saver.wait(last=True)
    saver.wait(last=True)  # told once


def test_an_error_of_another_kind_is_never_swallowed(saver, monkeypatch):
    monkeypatch.setattr(saving, "write_checkpoint", fail(ZeroDivisionError()))
    saver.save()
    with pytest.raises(ZeroDivisionError):
        saver.wait()


def test_the_seconds_training_stood_still_are_counted(saver):
    saver.save()
    saver.wait()
    assert saver.take_stall() > 0
    assert saver.take_stall() == 0


def test_copies_keep_containers_and_share_nothing():
    given = {"a": [torch.ones(2), (3, torch.zeros(1))], "b": "text", "c": None}
    found = copied(given)
    given["a"][0].add_(5)
    assert found["a"][0].tolist() == [1, 1] and found["a"][1][0] == 3 and found["b"] == "text" and found["c"] is None


def test_a_run_that_an_error_ends_leaves_whole_what_was_being_saved(tmp_path, monkeypatch):
    real = saving.write_checkpoint

    def slow(*given, **options):
        time.sleep(0.5)
        return real(*given, **options)

    data = write_archive(tmp_path / "discs.zip")
    flags = Flags(data=data, outdir=tmp_path / "run", settings=TINY, gpus=0, batch=8, batch_gpu=4, tick=0.008, snap=1)
    monkeypatch.setattr(saving, "write_checkpoint", slow)
    run = Run(*open_run(flags))
    monkeypatch.setattr(run.evaluation, "due", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.until(None)
    assert list((tmp_path / "run").glob("checkpoint-*.pt"))
