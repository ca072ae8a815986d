"""The examples of docs/extending.md are code that runs."""

import re

import torch

from tests.support.tiny_run import TINY, write_archive
from training.data import load_training_data
from training.losses.term import TermOutput
from training.options import Flags, open_run
from training.players import Players, Slice
from training.state import TrainingState
from training.step import Step, slices, take_step


def test_the_loss_term_of_the_guide_trains_d(repository, tmp_path):
    guide = (repository / "docs/extending.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    names = {"Players": Players, "Slice": Slice, "TermOutput": TermOutput, "torch": torch, "relu": torch.relu}
    exec(compile(example, "docs/extending.md", "exec"), names)
    data = write_archive(tmp_path / "discs.zip")
    config, _, archive = open_run(Flags(data=data, outdir=tmp_path / "run", gpus=0, batch=8, settings=TINY))
    cpu = torch.device("cpu")
    state = TrainingState.build(config, load_training_data(archive, config.data, 0, cpu), cpu)
    step = Step(
        name="D",
        network=state.players.discriminator,
        optimizer=state.discriminator_adam,
        term=names["discriminator_hinge"],  # type: ignore[arg-type]
    )
    parts = slices(state.phase, 0, 0, 0)
    losses = [take_step(step, state.players, parts, 8).values["loss/D"].mean().item() for _ in range(12)]
    assert losses[-1] < losses[0] < 2.5
