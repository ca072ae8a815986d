"""Timing whole training iterations on random pictures, on a CPU or a GPU."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from dataset.sampler import Sampler
from training.config import TrainConfig
from training.data import TrainingData
from training.state import TrainingState
from training.step import iterate_due, slices, take_step


def training_state(config: TrainConfig, resolution: int, device: torch.device) -> TrainingState:
    """A training on 64 random pictures, which lie on the device."""
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (64, 3, resolution, resolution), np.uint8))
    data = TrainingData(
        pictures=pictures.to(device),
        labels=torch.empty(64, 0, dtype=torch.int64),
        label_sets=(),
        sampler=Sampler(64, seed=0),
        device=device,
    )
    return TrainingState.build(config, data, device)


def seconds_of(body: Callable[[], object], device: torch.device) -> float:
    """Wall time of one call, the GPU's work for it included."""
    _wait(device)
    start = time.perf_counter()
    body()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def iteration_rounds(state: TrainingState, rounds: int, device: torch.device) -> list[float]:
    """Seconds an iteration: each step's time divided by how many batches it stands for, summed."""
    phase = state.enter_phase()
    totals = []
    for number in range(rounds + 1):
        parts = slices(phase, 0, number, 0)
        total = 0.0
        for step in iterate_due(state.steps, 0):  # batch 0: every step is due
            taking = partial(take_step, step, state.players, parts, phase.batch_size)
            total += seconds_of(taking, device) / step.every
        totals.append(total + seconds_of(state.advance, device))
    return totals[1:]  # the first round warms up
