from click.testing import CliRunner

from benchmarks import record
from benchmarks.painters_cpu import main


def test_the_quick_benchmark_prints_and_writes_nothing(monkeypatch):
    monkeypatch.setattr(record, "write", None)
    result = CliRunner().invoke(main, ["--quick"])
    assert result.exit_code == 0, result.output
    assert "drawing pencil:" in result.output
    assert "geo pencil bce:" in result.output
