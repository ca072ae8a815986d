"""Freed memory is kept; what that gains is measured in benchmarks/memory_cpu.py."""

import subprocess
import sys

import pytest

from torch_utils import memory

# Page faults of allocating and freeing the same 32 MiB twenty times.
FAULTS = """
import resource, sys
import torch
from torch_utils.memory import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(20):  # the heap finds its shape
    torch.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_memory_once_touched_is_not_faulted_in_again(repository):
    faults = {}
    for word in ("keep", "leave"):
        command = [sys.executable, "-c", FAULTS, word]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
        faults[word] = int(done.stdout)
    assert faults["keep"] < 1000 < faults["leave"]


def test_another_system_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False


def test_another_c_library_is_left_alone(monkeypatch):
    def absent(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    assert memory.keep_freed_memory() is False
