"""Phases of a run: what they set in networks and optimisers, and that a run goes on exactly inside a fade."""

import pytest
import torch

from tests.support.tiny_run import TINY, weights_digest, write_archive
from torch_utils.errors import ConfigError
from training.config import DataConfig
from training.data import load_training_data
from training.options import Flags, open_run
from training.presets import resolve
from training.run import train
from training.schedule import phase_at
from training.state import TrainingState

CPU = torch.device("cpu")
# 16 pixels: 8 stable, a fade and 16 stable, of 64 pictures each.
GROWING = (*TINY, "growth.stable_kimg=0.064", "growth.fade_kimg=0.064", "growth.batch_sizes=16,16")


@pytest.fixture
def data_path(tmp_path):
    return write_archive(tmp_path / "discs.zip")


def flags(data_path, folder, *settings, cfg="stylegan1", kimg=0.192):
    return Flags(data=data_path, outdir=folder, gpus=0, cfg=cfg, kimg=kimg, tick=0.016, snap=3, settings=settings)


def build(data_path, *settings, **options):
    config, _, archive = open_run(flags(data_path, data_path.parent / "run", *settings, **options))
    return TrainingState.build(config, load_training_data(archive, config.data, 0, CPU), CPU)


def test_each_phase_has_the_batch_and_the_rate_of_its_resolution(data_path):
    state = build(data_path, *GROWING, "growth.lr_factors=1,1,3")
    phases = [phase_at(state.config, 16, seen) for seen in (0, 64, 96, 128)]
    assert [phase.lod for phase in phases] == [1, 1, 0.5, 0]
    assert [phase.resolution for phase in phases] == [8, 8, 16, 16]
    assert [phase.batch_size for phase in phases] == [16, 16, 4, 4]
    assert [phase.lr_factor for phase in phases] == [1, 1, 3, 3]


def test_a_growing_batch_is_cut_into_as_many_slices_as_the_schedules(data_path):
    state = build(data_path, *GROWING, "schedule.batch_size=8", "schedule.batch_gpu=4")
    phases = [phase_at(state.config, 16, seen) for seen in (0, 128)]
    assert [(phase.batch_size, phase.batch_gpu) for phase in phases] == [(16, 8), (8, 4)]


def test_entering_a_phase_grows_all_networks_and_sets_the_rates(data_path):
    state = build(data_path, *GROWING, "growth.lr_factors=1,1,3")
    state.images_seen = 96
    state.enter_phase()
    for network in (state.players.generator, state.players.discriminator, state.ema):
        assert network.lod == 0.5
    assert state.generator_adam.param_groups[0]["lr"] == pytest.approx(0.003)


def test_optimisers_forget_where_a_block_joins_and_only_there(data_path):
    state = build(data_path, *GROWING)
    parameter = state.generator_adam.param_groups[0]["params"][0]
    known = []
    for seen in (0, 48, 68, 96, 128):
        state.images_seen = seen
        state.enter_phase()
        known.append(parameter in state.generator_adam.state)
        state.generator_adam.state[parameter] = {"step": torch.tensor(1.0)}
    assert known == [False, True, False, True, True]


def test_a_run_resumed_inside_a_fade_ends_as_an_unbroken_one(data_path, tmp_path):
    unbroken_config, folder, archive = open_run(flags(data_path, tmp_path / "unbroken", *GROWING))
    unbroken = train(unbroken_config, folder, archive)
    for stop_at in (96, None):
        config, folder, archive = open_run(flags(data_path, tmp_path / "broken", *GROWING))
        broken = train(config, folder, archive, stop_at=stop_at)
        if stop_at is not None:
            assert 0 < phase_at(config, 16, broken.images_seen).lod < 1
    assert weights_digest(broken) == weights_digest(unbroken)


@pytest.mark.parametrize("cfg", ["stylegan3-t", "stylegan3-r"])
def test_a_stylegan3_run_goes_on_exactly(data_path, tmp_path, cfg):
    settings = (*TINY, "generator.num_layers=4", "generator.margin=2", "losses.blur.fade_kimg=0.04")
    kimg = 0.064
    one, folder, archive = open_run(flags(data_path, tmp_path / "unbroken", *settings, cfg=cfg, kimg=kimg))
    unbroken = train(one, folder, archive)
    for stop_at in (48, None):
        config, folder, archive = open_run(flags(data_path, tmp_path / "broken", *settings, cfg=cfg, kimg=kimg))
        broken = train(config, folder, archive, stop_at=stop_at)
    assert weights_digest(broken) == weights_digest(unbroken)


def test_running_magnitudes_of_a_stylegan3_move_while_training(data_path, tmp_path):
    settings = (*TINY, "generator.num_layers=4", "generator.margin=2")
    config, folder, archive = open_run(flags(data_path, tmp_path / "run", *settings, cfg="stylegan3-t", kimg=0.032))
    run = train(config, folder, archive)
    contents = torch.load(max(run.folder.glob("checkpoint-*.pt")), weights_only=True)
    for network in ("generator", "ema"):
        magnitudes = [value for name, value in contents[network].items() if name.endswith("magnitude")]
        assert len(magnitudes) == 5
        assert all(value != 1 for value in magnitudes)


def test_growing_is_refused_for_a_generator_that_does_not_grow(data_path):
    message = "growth.progressive: true is not possible. A stylegan2 generator does not grow. Use --cfg stylegan1"
    with pytest.raises(ConfigError, match=message):
        build(data_path, *TINY, "growth.progressive=true", cfg="stylegan2")


def test_a_growing_batch_that_cannot_be_cut_is_refused(data_path):
    with pytest.raises(ConfigError, match=r"growth.batch_sizes: 6 is not possible. It cannot be cut .* Use a multiple"):
        build(data_path, *TINY, "growth.batch_sizes=6")


@pytest.mark.parametrize(
    ("gpus", "batch", "at_8", "at_32", "at_64"), [(1, 4, 128, 64, 32), (2, 8, 256, 64, 32), (8, 32, 256, 64, 32)]
)
def test_stylegan1_at_256_has_the_papers_batches(gpus, batch, at_8, at_32, at_64):
    config = resolve("stylegan1", data=DataConfig(path="x.zip"), resolution=256, gpus=gpus)
    assert config.schedule.batch_size == batch
    assert [config.growth.batch_size(size) for size in (8, 32, 64)] == [at_8, at_32, at_64]
    assert [config.growth.lr_factor(size) * config.optimizer.generator_lr for size in (64, 128, 256)] == pytest.approx(
        [0.001, 0.0015, 0.002]
    )


def test_a_given_batch_holds_at_every_resolution():
    config = resolve("stylegan1", data=DataConfig(path="x.zip"), resolution=256, gpus=1, batch=16)
    assert phase_at(config, 256, 0).batch_size == 16 == phase_at(config, 256, 10**7).batch_size


@pytest.mark.parametrize(("resolution", "gamma"), [(128, 0.5), (256, 2), (512, 8), (1024, 32)])
def test_stylegan3s_gamma_grows_with_the_resolution(resolution, gamma):
    config = resolve("stylegan3-t", data=DataConfig(path="x.zip"), resolution=resolution, gpus=8)
    assert config.losses.r1.gamma == gamma
    assert (config.optimizer.generator_lr, config.optimizer.discriminator_lr) == (0.0025, 0.002)


def test_stylegan3_r_is_twice_as_wide_and_blurs_at_first():
    t, r = (resolve(f"stylegan3-{v}", data=DataConfig(path="x.zip"), resolution=256, gpus=8) for v in "tr")
    assert (r.generator.channel_base, r.generator.channel_max) == (65536, 1024)
    assert (r.generator.kernel_size, r.generator.radial_filters) == (1, True)
    assert (t.generator.kernel_size, t.generator.radial_filters) == (3, False)
    assert [phase_at(r, 256, kimg * 1000).blur for kimg in (0, 100, 200, 300)] == [10, 5, 0, 0]
    assert phase_at(t, 256, 0).blur == 0
