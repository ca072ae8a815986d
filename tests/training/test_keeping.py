import json
from pathlib import Path

import pytest

from training.keeping import best, drop_snapshots, told_scores
from training.outputs import snapshot_path


@pytest.fixture
def folder(tmp_path) -> Path:
    """Snapshots at 0.5, 1, 2 … 8 kimg; FID is best at 2, KID at 3."""
    for images in (500, *range(1000, 8001, 1000)):
        snapshot_path(tmp_path, images).touch()
    lines = [
        {"kimg": 1.0, "metrics/fid": 90.0, "metrics/kid": 0.9},
        {"kimg": 2.0, "metrics/fid": 40.0, "metrics/kid": 0.8},
        {"kimg": 2.5, "loss/G": 1.0, "metrics/fid": None},
        {"kimg": 3.0, "metrics/fid": 41.0, "metrics/kid": 0.2},
    ]
    (tmp_path / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kimg": 4.0, "metr')
    return tmp_path


def left(folder: Path) -> list[str]:
    return sorted(path.name.removeprefix("snapshot-").removesuffix(".safetensors") for path in folder.glob("snapshot*"))


def test_without_a_limit_all_stay(folder):
    assert drop_snapshots(folder, keep=0, milestone_kimg=0) == []
    assert len(left(folder)) == 9


def test_the_newest_and_the_best_by_each_score_stay(folder):
    assert len(drop_snapshots(folder, keep=2, milestone_kimg=0)) == 5
    assert left(folder) == ["000002", "000003", "000007", "000008"]


def test_milestones_stay(folder):
    drop_snapshots(folder, keep=1, milestone_kimg=2.5 * 2)
    assert left(folder) == ["000002", "000003", "000005", "000008"]


def test_a_run_without_scores_or_stats_keeps_the_newest(tmp_path):
    for images in (1000, 2000, 3000):
        snapshot_path(tmp_path, images).touch()
    drop_snapshots(tmp_path, keep=1, milestone_kimg=0)
    assert left(tmp_path) == ["000003"]


def test_scores_are_read_by_metric_and_images(folder):
    scores = told_scores(folder)
    assert scores == {"fid": {1000: 90.0, 2000: 40.0, 3000: 41.0}, "kid": {1000: 0.9, 2000: 0.8, 3000: 0.2}}
    assert best("fid", scores["fid"]) == 2000
    assert best("kid", {5: 1.0, 3: 1.0}) == 3


def test_of_equivariance_the_highest_is_the_best():
    assert best("eq_t1k", {1: 40.0, 2: 60.0, 3: 60.0}) == 2
