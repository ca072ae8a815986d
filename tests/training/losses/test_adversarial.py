import torch

from tests.support.tiny_run import TINY, write_archive
from training.data import load_training_data
from training.losses.adversarial import DiscriminatorWithR1, discriminator_logistic
from training.losses.r1 import R1
from training.options import Flags, open_run
from training.state import TrainingState
from training.step import only_trains, slices

CPU = torch.device("cpu")


def test_d_with_r1_at_every_step_is_the_sum_of_both_terms(tmp_path):
    data = write_archive(tmp_path / "discs.zip")
    config, _, archive = open_run(Flags(data=data, outdir=tmp_path / "run", gpus=0, batch=8, settings=TINY))
    state = TrainingState.build(config, load_training_data(archive, config.data, 0, CPU), CPU)
    (part,) = slices(state.phase, 0, 0, 0)
    with only_trains(state.players.discriminator.parameters()):
        joined = DiscriminatorWithR1(7.0)(state.players, part).loss
        apart = discriminator_logistic(state.players, part).loss + R1(7.0)(state.players, part).loss
    torch.testing.assert_close(joined, apart)


def test_r1_at_every_step_is_no_step_of_its_own_and_slows_no_adam(tmp_path):
    data = write_archive(tmp_path / "discs.zip")
    settings = (*TINY, "losses.r1.every=1")
    config, _, archive = open_run(Flags(data=data, outdir=tmp_path / "run", gpus=0, batch=8, settings=settings))
    state = TrainingState.build(config, load_training_data(archive, config.data, 0, CPU), CPU)
    assert [step.name for step in state.steps] == ["G", "path length", "D"]
    assert state.discriminator_adam.param_groups[0]["lr"] == config.optimizer.discriminator_lr
