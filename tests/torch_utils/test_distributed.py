import json
import subprocess
import sys

import pytest
import torch

from torch_utils import distributed

# One of two processes: what it is, what it sums, and its gradients after averaging; one has none.
PROCESS = """
import json, sys
import torch
import torch.distributed as dist
from torch_utils import distributed

rank, meeting = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((2, 2), (), (3,))]
parameters[0].grad = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) * (1 if rank == 0 else -3)
parameters[1].grad = torch.tensor(float(rank))
distributed.average_gradients(iter(parameters))
print(json.dumps({
    "rank": distributed.rank(),
    "worlds": distributed.world_size(),
    "main": distributed.is_main(),
    "sum": distributed.sum_over_processes(torch.tensor([1.0 + rank, 10.0])).tolist(),
    "gradients": [None if p.grad is None else p.grad.tolist() for p in parameters],
}))
dist.destroy_process_group()
"""


def test_one_process_is_the_main_one_of_one():
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)


def test_with_one_process_sums_and_gradients_stay_as_they_are():
    value = torch.tensor([1.0, 2.0])
    assert distributed.sum_over_processes(value) is value
    parameter, without = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2))
    parameter.grad = value.clone()
    distributed.average_gradients([parameter, without])
    assert torch.equal(parameter.grad, torch.tensor([1.0, 2.0]))
    assert without.grad is None


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


def test_gradients_are_their_mean_and_a_missing_one_stays_missing(answers):
    mean = [[[-1.0, -2.0], [-3.0, -4.0]], 0.5, None]
    assert [answer["gradients"] for answer in answers] == [mean] * 2
