"""A run whose steps come out as no finite number: it goes back once, and then it ends with a report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.tiny_run import TINY, weights_digest, write_archive
from torch_utils.errors import DivergedError
from training import run as run_module
from training.options import Flags, open_run
from training.run import RunResult, train
from training.skips import MOST_SKIPPED, Skips, Streak

SETTINGS = (*TINY, "schedule.batch_size=8", "schedule.batch_gpu=4")
SEED = 3


def start(data: Path, outdir: Path, *, kimg: float = 0.16, stop_at: int | None = None) -> RunResult:
    flags = Flags(data=data, outdir=outdir, settings=SETTINGS, kimg=kimg, tick=0.016, snap=1, gpus=0, seed=SEED)
    return train(*open_run(flags), stop_at=stop_at)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture
def diverging(monkeypatch):
    """G's step is skipped from image 40 on; in the first order of the data alone, or in any."""
    real = run_module.take_step

    def plant(*, always: bool) -> None:
        def step(step, players, parts, batch_size):
            result = real(step, players, parts, batch_size)
            if step.name == "G" and parts[0].shown >= 40 and (always or parts[0].seed == SEED):
                return replace(result, fault="blocks.0.const")
            return result

        monkeypatch.setattr(run_module, "take_step", step)

    return plant


def state_of(run: RunResult) -> dict:
    return torch.load(max(run.folder.glob("checkpoint-*.pt")), weights_only=True)


def test_it_goes_back_once_to_what_was_good_with_another_order(data, tmp_path, diverging):
    diverging(always=False)
    run = start(data, tmp_path / "run")
    log = (run.folder / "log.txt").read_text()
    assert run.images_seen == 160 and state_of(run)["rollbacks"] == 1
    assert "step 'G' was not finite 10 times in a row (image 112, first: blocks.0.const)" in log
    assert "Going back to checkpoint-000000032.pt, once, with another data order." in log
    told = [json.loads(line)["kimg"] for line in (run.folder / "stats.jsonl").read_text().splitlines()]
    assert told == pytest.approx([0.016 * tick for tick in range(1, 11)])


def test_after_going_back_a_stopped_run_still_goes_on_bit_equal(data, tmp_path, diverging):
    diverging(always=False)
    whole = start(data, tmp_path / "whole")
    start(data, tmp_path / "broken", stop_at=64)  # in the second order of the data, which it keeps
    assert weights_digest(start(data, tmp_path / "broken")) == weights_digest(whole)


def test_the_second_time_is_the_end_and_the_report_names_all(data, tmp_path, diverging):
    diverging(always=True)
    with pytest.raises(DivergedError, match=r"step 'G' was not .*first: blocks.0.const\), again after going back"):
        start(data, tmp_path / "run")
    assert list((tmp_path / "run").glob("snapshot-*"))


def test_without_an_older_checkpoint_it_is_the_end_at_once(data, tmp_path, monkeypatch):
    real = run_module.take_step
    monkeypatch.setattr(run_module, "take_step", lambda *given: replace(real(*given), fault="fc.weight"))
    with pytest.raises(DivergedError, match="no checkpoint is older than that"):
        start(data, tmp_path / "run")


def test_only_skips_in_a_row_count():
    skips = Skips()
    for images in range(MOST_SKIPPED - 1):
        skips.note("D", "fc.weight", images)
        skips.note("G", None, images)
    assert skips.running
    skips.note("D", None, 9)
    assert not skips.running
    for images in range(20, 20 + MOST_SKIPPED - 1):
        skips.note("D", "fc.weight", images)
    with pytest.raises(Streak) as streak:
        skips.note("D", "out.bias", 40)
    assert (streak.value.step, streak.value.fault, streak.value.since, streak.value.images_seen) == (
        *("D", "out.bias"),
        *(20, 40),
    )
