import pytest
import torch

from benchmarks import training_gpu
from benchmarks.training_gpu import Row, measure, options, table


def test_without_a_gpu_it_says_so_in_one_line_and_ends_with_2(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        training_gpu.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("row", training_gpu.ROWS, ids=str)
def test_every_row_is_a_preset_for_one_gpu_that_augments_and_is_whole_from_the_start(row):
    config = options(row)
    assert config.runtime.gpus == 1 and config.schedule.batch_size == row.batch
    assert config.augment.strength.kind == "fixed" and not config.growth.progressive


@pytest.mark.gpu
@pytest.mark.parametrize("row", training_gpu.ROWS, ids=str)
def test_a_row_is_measured_on_a_gpu(row):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    result = measure(Row(row.preset, 32, 8), torch.device("cuda"), rounds=1)
    assert result["pictures_per_s"] > 0 and result["gib"] > 0


def test_the_table_sets_plain_and_compiled_side_by_side():
    row = {"preset": "auto", "resolution": 64, "batch": 8, "s_per_kimg": 2.0, "seconds": 0.2, "gib": 1.0}
    lines = table([{**row, "bodies": "plain"}, {**row, "bodies": "compiled", "seconds": 0.1, "s_per_kimg": 1.0}])
    assert len(lines) == 2 and "2.00x" in lines[1]
