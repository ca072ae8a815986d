import json
import subprocess
import sys

import pytest
import torch

from torch_utils import distributed

# One of two processes: what it is, what it sums, and what the main one tells it.
PROCESS = """
import json, sys
import torch
import torch.distributed as dist
from torch_utils import distributed

rank, meeting = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
tree = {"a": [torch.tensor([1.5, 2.5]), 3], "b": {"c": torch.tensor(7)}} if rank == 0 else None
told = distributed.from_main(tree)
def fails():
    raise ValueError("main fails")
try:
    distributed.on_main(fails)
    ended = "well"
except Exception as error:
    ended = type(error).__name__
print(json.dumps({
    "rank": distributed.rank(),
    "worlds": distributed.world_size(),
    "main": distributed.is_main(),
    "sum": distributed.sum_over_processes(torch.tensor([1.0 + rank, 10.0])).tolist(),
    "together": [t.tolist() for t in distributed.sum_together([torch.tensor(rank), torch.tensor([1.0, rank])])],
    "largest": distributed.largest(rank * 3),
    "on_main": distributed.on_main(lambda: f"from {rank}"),
    "told": [told["a"][0].tolist(), told["a"][1], told["b"]["c"].item()],
    "ended": ended,
}))
dist.destroy_process_group()
"""


def test_one_process_is_the_main_one_of_one():
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)


def test_with_one_process_everything_stays_as_it_is():
    value = torch.tensor([1.0, 2.0])
    assert distributed.sum_over_processes(value) is value
    assert distributed.from_main({"a": value})["a"] is value
    assert (distributed.largest(3), distributed.on_main(lambda: 4)) == (3, 4)
    assert [tensor.tolist() for tensor in distributed.sum_together([value])] == [[1.0, 2.0]]


@pytest.fixture(scope="module")
def answers(repository, tmp_path_factory) -> list[dict]:
    meeting = tmp_path_factory.mktemp("meeting") / "point"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), str(meeting)],
            cwd=repository,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    return [json.loads(out.splitlines()[-1]) for out, _ in outputs]


def test_each_of_two_processes_knows_its_place(answers):
    places = [(answer["rank"], answer["worlds"], answer["main"]) for answer in answers]
    assert places == [(0, 2, True), (1, 2, False)]


def test_a_sum_is_the_same_in_both_processes(answers):
    assert [answer["sum"] for answer in answers] == [[3.0, 20.0]] * 2


def test_small_sums_travel_together(answers):
    assert [answer["together"] for answer in answers] == [[1.0, [2.0, 1.0]]] * 2
    assert [answer["largest"] for answer in answers] == [3, 3]


def test_what_the_main_process_has_or_does_reaches_the_other(answers):
    assert [answer["on_main"] for answer in answers] == ["from 0"] * 2
    assert [answer["told"] for answer in answers] == [[[1.5, 2.5], 3, 7]] * 2


def test_when_the_main_process_fails_the_other_ends_too(answers):
    assert [answer["ended"] for answer in answers] == ["ValueError", "ElsewhereError"]
