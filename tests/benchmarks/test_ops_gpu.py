import pytest
import torch

from benchmarks import ops_gpu


def test_without_a_gpu_it_says_so_in_one_line_and_ends_with_2(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        ops_gpu.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "ops_gpu: needs a CUDA device, and torch sees none here. Nothing was measured.\n"


@pytest.mark.parametrize("name", ops_gpu.CASES)
def test_every_case_is_a_call_that_the_operator_takes(name):
    case = ops_gpu.CASES[name]
    case.op(*case.arguments(torch.randn(1, 4, 16, 16)))


@pytest.mark.gpu
def test_the_bandwidth_of_a_case_is_measured(monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr(ops_gpu, "SHAPE", (2, 8, 64, 64))
    row = ops_gpu.measure("bias_act lrelu", "fp16", "channels last")
    assert row["ms"] > 0 and row["gb_per_s"] > 0 and row["of_a_copy"] > 0
