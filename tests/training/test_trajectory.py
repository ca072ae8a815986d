"""Twenty batches are the same numbers as when this was written; thousands of steps need no more memory than some."""

import json
import os
import tempfile
from pathlib import Path

import pytest
import torch

from tests.support.tiny_run import TINY, write_archive
from torch_utils.ops.plain import plain_bodies
from training.data import load_training_data
from training.options import Flags, open_run
from training.state import TrainingState
from training.step import iterate_due, slices, take_step

CPU = torch.device("cpu")
RECORDED = Path(__file__).parent / "trajectory.json"
SETTINGS = (*TINY, "schedule.batch_size=8", "schedule.batch_gpu=4", "losses.r1.every=4", "losses.path_length.every=4")


def build(folder: Path) -> TrainingState:
    data = write_archive(folder / "discs.zip")
    config, _, archive = open_run(Flags(data=data, outdir=folder / "run", settings=SETTINGS, gpus=0, cond="all"))
    pictures = load_training_data(archive, config.data, config.runtime.seed, CPU)
    return TrainingState.build(config, pictures, CPU)


def batch(state: TrainingState) -> dict[str, float]:
    """Train one batch; the means of what its steps told."""
    parts, told = slices(state.phase, state.seed, state.batches_done, state.images_seen), {}
    for step in iterate_due(state.steps, state.batches_done):
        result = take_step(step, state.players, parts, state.config.schedule.batch_size)
        state.absorb(result)
        told |= {name: value.double().mean().item() for name, value in result.values.items()}
    state.advance()
    return told


def test_twenty_batches_are_those_recorded(tmp_path):
    """To record them anew after a change that is meant: python -m tests.training.test_trajectory"""
    with plain_bodies():  # whatever compilers this machine has
        state = build(tmp_path)
        found = [batch(state) for _ in range(20)]
    for ours, theirs in zip(found, json.loads(RECORDED.read_text()), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_steps(tmp_path):
    state = build(tmp_path)
    for _ in range(300):
        batch(state)
    before, batches = resident(), 800
    for _ in range(batches):
        batch(state)
    steps = batches * sum(1 / step.every for step in state.steps)
    assert (resident() - before) / steps < 1024  # bytes


def resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, plain_bodies():
        run = build(Path(place))
        RECORDED.write_text(json.dumps([batch(run) for _ in range(20)], indent=1) + "\n")
