import pytest
import torch

from torch_utils.devices import pick_device
from torch_utils.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "there_is_a_gpu", "picked"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_a_device_is_picked_by_name_and_by_what_there_is(monkeypatch, name, there_is_a_gpu, picked):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_a_gpu)
    assert pick_device(name) == torch.device(picked)


def test_insisting_on_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device cuda: torch sees no CUDA device here. Use --device cpu."):
        pick_device("cuda")
