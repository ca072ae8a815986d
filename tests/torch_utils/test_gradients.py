"""Gradients over real processes: what two and three sum in buckets is what one computes, whatever a loss reaches."""

import json
import subprocess
import sys

import pytest
import torch

from torch_utils.gradients import GradientSum

# One of several processes: sums of gradients over a few steps, in which the losses reach other parameters each time.
PROCESS = """
import json, sys
import torch
import torch.distributed as dist
from torch_utils.gradients import GradientSum

rank, worlds, meeting, bytes_ = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=worlds)
parameters = [torch.nn.Parameter(torch.full([size], 1.0)) for size in (3, 1, 4, 2)]
sums = GradientSum(parameters, bytes_)
started = []
for bucket in sums.buckets:
    leave = bucket.leave
    bucket.leave = lambda leave=leave, **note: (started.append(sums._listening), leave(**note))
answers = []
for reached in json.loads(sys.argv[5]):  # step -> rank -> slices -> parameters that the loss reaches
    for parameter in parameters:
        parameter.grad = None
    *first, last = reached[rank]
    loss = lambda places, slice_: sum((parameters[p] * (10 ** p) * (1 + slice_) * (1 + rank)).sum() for p in places)
    for slice_, places in enumerate(first):
        loss(places, slice_).backward()
    with sums.last_backward():
        loss(last, len(first)).backward()
    sums.finish()
    answers.append([None if p.grad is None else sorted(set(p.grad.tolist())) for p in parameters])
print(json.dumps({"answers": answers, "early": sum(started), "buckets": len(sums.buckets)}))
dist.destroy_process_group()
"""
# The same for parameters that lie in memory in their own ways, with gradients that lie in others; then a fused step.
STRIDED = """
import json, sys
import torch
import torch.distributed as dist
from torch_utils.gradients import GradientSum

rank, worlds, meeting = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=worlds)
draw = torch.Generator().manual_seed(1)
values = [torch.randn(4, 3, 2, 5, generator=draw), torch.randn(6, 7, generator=draw), torch.randn(2, 3, generator=draw)]
weights = [torch.randn(value.shape, generator=draw) for value in values]
laid = [values[0].contiguous(memory_format=torch.channels_last), values[1].t().contiguous().t(), values[2].clone()]
parameters = [torch.nn.Parameter(tensor) for tensor in laid]
plain = [torch.nn.Parameter(value.clone()) for value in values]
sums = GradientSum(parameters, 100)
with sums.last_backward():
    sum((p * w * (1 + rank)).square().sum() for p, w in zip(parameters, weights)).backward()
sums.finish()
for p, w in zip(plain, weights):
    p.grad = 2 * p.detach() * w.square() * sum((1 + r) ** 2 for r in range(worlds))
strides = [p.grad.stride() == p.stride() for p in parameters]
torch.optim.Adam(parameters, fused=True).step()
torch.optim.Adam(plain, fused=True).step()
off = max(float((p - q).abs().max()) for p, q in zip(parameters, plain))
print(json.dumps({"strides": strides, "contiguous": [p.is_contiguous() for p in parameters], "off": off}))
dist.destroy_process_group()
"""

ALL = [0, 1, 2, 3]
STEPS = [
    [[ALL], [ALL]],
    [[ALL, ALL], [ALL, ALL]],  # two slices a process
    [[[0, 2]], [[0, 2]]],  # a lazy term that does not reach all
    [[[0, 2]], [[0, 2]]],
    [[ALL], [ALL]],  # more than the time before: the buckets have left too early
    [[[0], [3]], [[1], [0]]],  # other parameters in each slice and process
    [[[2]], [[0, 2, 3]]],  # one process reaches more than the other
    [[ALL], [[1]]],
    [[[2, 3], [3]], [[3], [3]]],
]


def expected(step: list, rank_count: int) -> list:
    """By hand: (1 + slice)·(1 + rank)·10^p, summed over whatever reaches parameter p."""
    sums: list = []
    for place in ALL:
        parts = [
            (1 + index) * (1 + rank) * 10.0**place
            for rank in range(rank_count)
            for index, places in enumerate(step[rank])
            if place in places
        ]
        sums.append([sum(parts)] if parts else None)
    return sums


def sums_of(processes: int, steps: list, bucket_bytes: int, repository, folder) -> list[dict]:
    return answers_of(PROCESS, processes, repository, folder, str(bucket_bytes), json.dumps(steps))


def answers_of(program: str, processes: int, repository, folder, *more: str) -> list[dict]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(rank), str(processes), str(folder / "point"), *more],
            cwd=repository,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        outputs = [process.communicate(timeout=100) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * processes, outputs
    return [json.loads(out.splitlines()[-1]) for out, _ in outputs]


@pytest.mark.parametrize(("bucket_bytes", "buckets"), [(1, 4), (16, 3), (1000, 1)])
def test_two_processes_get_the_sum_of_all_slices_whatever_each_of_them_reaches(
    bucket_bytes, buckets, repository, tmp_path
):
    answers = sums_of(2, STEPS, bucket_bytes, repository, tmp_path)
    for answer in answers:
        assert answer["answers"] == [expected(step, 2) for step in STEPS]
        assert answer["buckets"] == buckets


def test_three_processes_too(repository, tmp_path):
    steps = [[*step, [[1, 2], [0]]] for step in STEPS]
    for answer in sums_of(3, steps, 1, repository, tmp_path):
        assert answer["answers"] == [expected(step, 3) for step in steps]


def test_all_buckets_but_the_last_leave_during_the_backward_pass(repository, tmp_path):
    (first, second) = sums_of(2, STEPS[:2], 1, repository, tmp_path)
    assert (first["early"], second["early"]) == (6, 6)  # three of four buckets, in each of two steps


def test_gradients_come_back_as_their_parameters_lie_in_memory_whatever_the_strides(repository, tmp_path):
    for answer in answers_of(STRIDED, 2, repository, tmp_path):
        assert answer["contiguous"] == [False, False, True]
        assert answer["strides"] == [True, True, True]
        assert answer["off"] < 1e-6


def test_with_one_process_nothing_is_hooked_and_nothing_changes():
    parameter = torch.nn.Parameter(torch.ones(2))
    sums = GradientSum([parameter])
    with sums.last_backward():
        (parameter * 3).sum().backward()
    sums.finish()
    assert sums.buckets == []
    assert parameter.grad is not None and parameter.grad.tolist() == [3.0, 3.0]
