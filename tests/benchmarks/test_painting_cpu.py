from click.testing import CliRunner

from benchmarks import record
from benchmarks.painting_cpu import LIST, main


def test_the_quick_benchmark_prints_and_writes_nothing(monkeypatch):
    monkeypatch.setattr(record, "write", None)
    result = CliRunner().invoke(main, ["--quick"])
    assert result.exit_code == 0, result.output
    assert "raster, 100 strokes there and back at 32:" in result.output
    assert "ltp    5:" in result.output


def test_sixteen_faces_are_listed_by_name_alone():
    names = LIST.read_text(encoding="utf-8").split()
    assert len(set(names)) == 16
    assert all(name.endswith(".jpg") and "/" not in name for name in names)
