"""The examples of docs/extending.md are code that runs."""

import re
from dataclasses import replace

import torch

from networks.interface import Noise
from networks.snapshot import GENERATORS, load_generator
from tests.support.tiny_run import TINY, write_archive
from tests.support.toy_generator import ToyGeneratorConfig
from training.data import load_training_data
from training.losses.term import TermOutput
from training.options import Flags, open_run
from training.players import Players, Slice
from training.run import train
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


def test_the_toy_generator_of_the_guide_trains_in_the_same_loop_and_leaves_a_snapshot(tmp_path, monkeypatch):
    monkeypatch.setitem(GENERATORS, "toy", ToyGeneratorConfig)
    data = write_archive(tmp_path / "discs.zip")
    flags = Flags(data=data, outdir=tmp_path / "run", gpus=0, batch=8, kimg=0.016, tick=0.008, snap=1, settings=TINY)
    config, folder, archive = open_run(flags)
    toy = ToyGeneratorConfig(z_dim=8, w_dim=8)
    run = train(replace(config, generator=toy), folder, archive)  # type: ignore[arg-type]
    assert run.snapshot is not None
    loaded = load_generator(run.snapshot)
    assert loaded.info.generator == toy
    torch.manual_seed(0)
    drawn = loaded.network(torch.randn(2, 8), noise=Noise(mode="const"))
    assert drawn.shape == (2, 3, 16, 16)
    assert drawn.isfinite().all()
