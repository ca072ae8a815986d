import json
from pathlib import Path

import pytest

from tests.support.tiny_run import TINY, write_archive
from training.ending import exit_report
from training.options import Flags, open_run
from training.outputs import save_config, snapshot_path
from training.run import RunResult


@pytest.fixture
def folder(tmp_path) -> Path:
    data = write_archive(tmp_path / "discs.zip")
    config, folder, _ = open_run(Flags(data=data, outdir=tmp_path / "run", settings=TINY, gpus=0))
    save_config(folder, config)
    return folder


def test_without_scores_it_tells_what_where_and_what_next(folder):
    last = snapshot_path(folder, 96)
    assert exit_report(RunResult(folder, 96, last, None)) == [
        f"done: 0.096 kimg of discs.zip, preset auto, in {folder}",
        f"next: python generate.py --network {last} --out grid.png",
    ]


def test_the_best_scored_snapshot_is_the_one_to_go_on_with(folder):
    told = [{"kimg": 1.0, "metrics/kid": 0.2}, {"kimg": 2.0, "metrics/kid": 0.3}]
    (folder / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    for images in (1000, 2000):
        snapshot_path(folder, images).touch()
    lines = exit_report(RunResult(folder, 2000, snapshot_path(folder, 2000), None))
    assert lines[1] == "kid: best 0.2000 at 1 kimg, last 0.3000 at 2 kimg"
    assert lines[2] == f"next: python generate.py --network {snapshot_path(folder, 1000)} --out grid.png"


def test_equivariance_does_not_decide_which_snapshot_to_go_on_with(folder):
    told = [
        {"kimg": 1.0, "metrics/eq_t1k": 50.0, "metrics/kid": 0.3},
        {"kimg": 2.0, "metrics/eq_t1k": 40.0, "metrics/kid": 0.2},
    ]
    (folder / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    for images in (1000, 2000):
        snapshot_path(folder, images).touch()
    lines = exit_report(RunResult(folder, 2000, snapshot_path(folder, 2000), None))
    assert lines[1] == "eq_t1k: best 50.0000 at 1 kimg, last 40.0000 at 2 kimg"
    assert str(snapshot_path(folder, 2000)) in lines[3]


def test_the_best_one_that_is_gone_gives_way_to_the_last(folder):
    (folder / "stats.jsonl").write_text('{"kimg": 1.0, "metrics/kid": 0.2}\n')
    last = snapshot_path(folder, 2000)
    assert exit_report(RunResult(folder, 2000, last, None))[1:] == [
        "kid: best 0.2000 at 1 kimg",
        f"next: python generate.py --network {last} --out grid.png",
    ]
