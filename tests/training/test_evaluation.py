"""Scores during training: when they are due, that they are evaluate.py's, and that training does not notice."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from metrics.equivariance import METRICS, measure
from metrics.evaluate import Request, evaluate
from networks.snapshot import load_generator
from tests.support.moved_pictures import Waves, info_of
from tests.support.tiny_program import write_program
from tests.support.tiny_run import TINY, weights_digest, write_archive
from torch_utils.errors import ConfigError
from training.data import load_training_data
from training.evaluation import Evaluation
from training.options import Flags, open_run
from training.run import RunResult, train
from training.state import TrainingState

METRIC = "metrics/kid20_features"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("program") / "features.pt2"
    return path, write_program(path)


def start(data: Path, outdir: Path, *, stop_at: int | None = None, **flags) -> RunResult:
    settings = (*TINY, "schedule.batch_size=8", "schedule.batch_gpu=8")
    options = {"cfg": "kaokore", "kimg": 0.064, "tick": 0.016, "snap": 2, "gpus": 0, "cond": "all"} | flags
    config, folder, archive = open_run(Flags(data=data, outdir=outdir, settings=settings, **options))
    return train(config, folder, archive, stop_at=stop_at)


def scored(program: tuple[Path, str]) -> dict:
    return {"metrics": "kid20", "extractor": program[0], "extractor_sha256": program[1]}


def series(run: RunResult) -> dict[float, float]:
    """{kimg: score} as written to stats.jsonl."""
    rows = [json.loads(line) for line in (run.folder / "stats.jsonl").read_text().splitlines()]
    return {row["kimg"]: row[METRIC] for row in rows if METRIC in row}


@pytest.fixture(scope="module")
def run(data, program, tmp_path_factory) -> RunResult:
    return start(data, tmp_path_factory.mktemp("runs") / "scored", **scored(program))


def test_regular_snapshots_are_scored_and_the_early_first_one_is_not(run):
    assert sorted(path.name for path in run.folder.glob("snapshot-*")) == [
        "snapshot-000000.016.safetensors",
        "snapshot-000000.032.safetensors",
        "snapshot-000000.064.safetensors",
    ]
    assert list(series(run)) == [0.032, 0.064]


def test_the_snapshot_and_the_log_carry_the_score(run):
    value = series(run)[0.064]
    assert run.snapshot is not None
    assert load_generator(run.snapshot).info.metrics == {METRIC: value}
    assert f"KID (features): {value:.4f} at 0.064 kimg" in (run.folder / "log.txt").read_text()


def test_evaluate_gives_the_same_number_for_the_snapshot(run, data, program, tmp_path):
    request = Request(
        data=data,
        network=run.snapshot,
        metrics="kid20",
        extractor=program[0],
        extractor_sha256=program[1],
        device="cpu",
        cache=tmp_path,
    )
    (result,) = evaluate(request)
    assert result.value == pytest.approx(series(run)[0.064], rel=1e-6)


def test_training_is_bit_equal_with_and_without_scores(run, data, tmp_path):
    assert weights_digest(start(data, tmp_path / "quiet")) == weights_digest(run)


def test_a_resumed_run_scores_the_same_snapshots(run, data, program, tmp_path):
    start(data, tmp_path / "broken", stop_at=32, **scored(program))
    resumed = start(data, tmp_path / "broken", **scored(program))
    assert series(resumed) == series(run)


def test_what_fails_to_be_scored_is_saved_and_scored_at_the_next_start(run, data, program, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("scoring failed")

    with monkeypatch.context() as broken_scores:
        broken_scores.setattr(Evaluation, "scores", broken)
        with pytest.raises(RuntimeError, match="scoring failed"):
            start(data, tmp_path / "run", **scored(program))
    assert (tmp_path / "run" / "checkpoint-000000032.pt").exists()
    assert series(start(data, tmp_path / "run", **scored(program))) == series(run)


@pytest.mark.parametrize(
    ("ticks", "every", "last", "due"),
    [(1, 1, False, False), (2, 1, False, True), (2, 2, False, False), (4, 2, False, True), (3, 2, True, True)],
)
def test_every_so_many_th_snapshot_is_due_and_the_last(data, program, tmp_path, ticks, every, last, due):
    flags = Flags(data=data, outdir=tmp_path, cfg="demo", gpus=0, snap=2, metrics_every=every, **scored(program))
    config, _, archive = open_run(flags)
    evaluation = Evaluation.prepare(config, archive, torch.device("cpu"))
    assert evaluation.due(ticks - 1, ticks, last=last) is due
    unscored = replace(config, metrics=replace(config.metrics, names=()))
    assert not replace(evaluation, config=unscored).due(ticks - 1, ticks, last=last)


def test_too_few_pictures_for_a_metric_are_told_before_training(program, tmp_path):
    small = write_archive(tmp_path / "small.zip", count=6)
    with pytest.raises(ConfigError, match="small.zip, split all: 6 pictures are too few for kid. Use 10 or more."):
        start(small, tmp_path / "run", **scored(program))
    assert not (tmp_path / "run").exists()


def test_equivariance_is_scored_without_an_extractor_as_evaluate_does(data, tmp_path):
    cpu = torch.device("cpu")
    flags = Flags(data=data, outdir=tmp_path, cfg="demo", gpus=0, metrics="eq_t4", settings=TINY)
    config, _, archive = open_run(flags)
    evaluation = Evaluation.prepare(config, archive, cpu)
    assert evaluation.extractor is None
    state = TrainingState.build(config, load_training_data(archive, config.data, 0, cpu), cpu)
    with pytest.raises(ConfigError, match="--metrics eq_t: undefined for this network"):
        evaluation.check_generator(state.ema)
    state.ema = Waves(16, texture=0.2)
    evaluation.check_generator(state.ema)
    lines: list[str] = []
    scores = evaluation.scores(state, lines.append)
    expected = measure(METRICS["eq_t"], state.ema, info_of(state.ema), 4).value
    assert scores == {"metrics/eq_t4": pytest.approx(expected)}
    assert lines == [f"EQ-T4: {expected:.4f} at 0 kimg"]
