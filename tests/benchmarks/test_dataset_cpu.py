from click.testing import CliRunner

from benchmarks import record
from benchmarks.dataset_cpu import main


def test_the_quick_benchmark_packs_and_fetches_and_writes_nothing(monkeypatch):
    monkeypatch.setattr(record, "write", None)
    result = CliRunner().invoke(main, ["--quick"], catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("pack drawn faces")
    assert lines[-1].startswith("fetch from loopback")
