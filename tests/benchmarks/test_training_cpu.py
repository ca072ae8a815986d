from click.testing import CliRunner

from benchmarks import record
from benchmarks.training_cpu import main, measure


def test_the_quick_benchmark_measures_g_d_and_an_iteration():
    rows = measure(quick=True)
    assert [row["what"] for row in rows] == ["G forward", "D forward", "training iteration"]
    assert all(row["pictures_per_s"] > 0 for row in rows)


def test_the_quick_benchmark_prints_a_table_and_writes_nothing(monkeypatch):
    monkeypatch.setattr(record, "write", None)
    result = CliRunner().invoke(main, ["--quick", "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert "pictures/s" in result.output
    assert "training iteration" in result.output


def test_a_record_names_command_commit_hardware_versions_and_date():
    words = record.circumstances("a command", 1)
    assert words.keys() == {"command", "commit", "hardware", "versions", "date"}
    assert len(words["commit"]) == 40


def test_sources_without_their_history_are_told_their_commit(monkeypatch):
    monkeypatch.setenv("KAOKORE_COMMIT", "0123abcd")
    assert record.circumstances("a command", 1)["commit"] == "0123abcd"
