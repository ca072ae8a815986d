import json
import subprocess
import sys

import pytest
import torch

from training.report import TickAverages, Writer, duration, progress_line


def test_averages_are_over_all_values_of_the_tick():
    averages = TickAverages(torch.device("cpu"))
    averages.add({"loss/G": torch.tensor([1.0, 2.0])})
    averages.add({"loss/G": torch.tensor([6.0])})
    assert averages.finish() == {"loss/G": pytest.approx(3.0)}
    assert averages.finish() == {}


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "0m05s"), (75, "1m15s"), (7500, "2h05m"), (200_000, "2d07h"), (float("inf"), "?")]
)
def test_durations_are_short_words(seconds, words):
    assert duration(seconds) == words


def test_the_progress_line_names_kimg_speed_time_left_p_and_losses():
    line = progress_line(1.5, 4, 60.0, {"loss/G": 0.7, "loss/D": 1.2, "augment/p": 0.25, "r1/penalty": 0.01})
    for part in ("1.50/4", "60.00", "2m30s", "p 0.250", "G 0.700", "D 1.200", "R1 0.010", "memory"):
        assert part in line


def test_a_disk_that_is_full_loses_lines_and_says_so_once(tmp_path, capsys):
    writer = Writer(tmp_path, 0)
    writer._path = tmp_path / "absent" / "stats.jsonl"
    writer.write(1.0, {"a": 1.0})
    writer.write(2.0, {"a": 1.0})
    writer.close()
    assert capsys.readouterr().err.count("training goes on") == 1


def test_stats_are_one_json_object_a_line(tmp_path):
    writer = Writer(tmp_path, 0)
    writer.write(1.0, {"loss/G": 0.5})
    writer.write(2.0, {"loss/G": 0.25})
    writer.close()
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [(line["kimg"], line["loss/G"]) for line in lines] == [(1.0, 0.5), (2.0, 0.25)]


def test_going_on_takes_back_what_was_told_after_the_checkpoint(tmp_path):
    lines = [json.dumps({"kimg": kimg}) for kimg in (1.0, 2.0, 3.0)]
    (tmp_path / "stats.jsonl").write_text("\n".join(lines) + '\n{"kimg": 4.0, "loss/G"')
    writer = Writer(tmp_path, 2000)
    writer.write(3.0, {"loss/G": 0.5})
    writer.close()
    told = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in told] == [1.0, 2.0, 3.0]
    assert told[2]["loss/G"] == 0.5


def test_curves_are_written_without_tensorflow_even_where_it_is_installed(tmp_path):
    """It is slow to load, and loud."""
    program = f"""
import sys
from pathlib import Path
from training.report import Writer

writer = Writer(Path({str(tmp_path)!r}), 0)
writer.write(1.0, {{"loss/G": 1.0}})
writer.close()
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "tensorboard").iterdir())
