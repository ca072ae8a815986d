"""Whole tiny runs on a real card: half precision, compiled ops, NCCL, saving, going on, sampling."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.tiny_run import TINY, weights_digest, write_archive
from training.options import Flags, open_run
from training.run import RunResult, train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

SETTINGS = (*TINY, "schedule.batch_size=8", "schedule.batch_gpu=4")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip", resolution=32)


def start(data: Path, outdir: Path, *, stop_at: int | None = None, **flags) -> RunResult:
    options = {"cfg": "kaokore", "kimg": 0.064, "tick": 0.016, "snap": 1, "gpus": 1} | flags
    config, folder, archive = open_run(Flags(data=data, outdir=outdir, settings=SETTINGS, **options))
    return train(config, folder, archive, stop_at=stop_at)


@pytest.mark.parametrize("preset", ["kaokore", "stylegan1", "stylegan3-t", "stylegan3-r"])
def test_a_run_of_train_py_is_sampled_by_generate_py(repository, data, tmp_path, preset):
    usual = ["--data", data, "--outdir", tmp_path, "--cfg", preset, "--kimg", 0.064, "--tick", 0.032, "--snap", 1]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    words = [sys.executable, "train.py", *map(str, usual), "--gpus", "1", "--ops", "cuda", "--cond", "all", *settings]
    done = subprocess.run(words, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert lines[-1]["kimg"] == pytest.approx(0.064)
    snapshot = max(tmp_path.glob("snapshot-*.safetensors"))
    words = [sys.executable, "generate.py", "--network", snapshot, "--seeds", "0-3", "--out", tmp_path / "out.png"]
    done = subprocess.run(
        [*map(str, words), "--device", "cuda", "--ops", "cuda"], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out.png").stat().st_size > 0


def test_going_on_changes_nothing(data, tmp_path):
    unbroken = start(data, tmp_path / "unbroken")
    start(data, tmp_path / "stopped", stop_at=32)
    assert weights_digest(start(data, tmp_path / "stopped")) == weights_digest(unbroken)
