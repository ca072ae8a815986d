"""Options that make no sense are refused by path, value and remedy, before any work."""

import pytest

from torch_utils.config import from_json, to_json, with_settings
from torch_utils.errors import ConfigError
from training.config import DataConfig, TrainConfig
from training.presets import PRESETS, resolve


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return resolve("demo", data=DataConfig(path="d.zip"), resolution=32, gpus=0)


@pytest.mark.parametrize(
    "setting",
    [
        "losses.r1.gamma=-1",
        "losses.r1.every=0",
        "losses.path_length.weight=-2",
        "losses.path_length.every=0",
        "losses.path_length.decay=0",
        "losses.path_length.batch_shrink=0",
        "losses.style_mixing=1.5",
        "optimizer.generator_lr=0",
        "optimizer.discriminator_lr=-0.1",
        "optimizer.beta1=1",
        "optimizer.beta2=-0.1",
        "optimizer.epsilon=0",
        "ema.half_life_kimg=-1",
        "ema.ramp=0",
        "schedule.total_kimg=0",
        "schedule.batch_size=-8",
        "schedule.tick_kimg=0",
        "schedule.snapshot_ticks=0",
        "transfer.freeze_discriminator=-1",
        "metrics.every=0",
        "runtime.seed=-1",
        "runtime.threads=-1",
        "runtime.workers=0",
        "augment.pipe=bgd",
        "augment.strength.kind=sometimes",
        "generator.z_dim=0",
        "generator.architecture=skipp",
        "discriminator.minibatch_group=0",
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_path(config, setting):
    path, value = setting.split("=")
    with pytest.raises(ConfigError) as refusal:
        with_settings(config, [setting])
    message = str(refusal.value)
    assert path.rsplit(".", 1)[-1] in message
    assert value in message
    assert "\n" not in message


def test_a_batch_must_be_made_of_whole_slices(config):
    with pytest.raises(ConfigError, match=r"schedule.batch_size: 8 .* multiple of schedule.batch_gpu \(3\)"):
        with_settings(config, ["schedule.batch_gpu=3"])


def test_a_slice_must_be_made_of_whole_minibatch_groups(config):
    with pytest.raises(ConfigError, match=r"schedule.batch_gpu: 8 .* multiple of discriminator.minibatch_group \(3\)"):
        with_settings(config, ["discriminator.minibatch_group=3"])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_its_own_json(name):
    config = resolve(name, data=DataConfig(path="d.zip", label_sets=("status",)), resolution=64, gpus=1)
    assert from_json(TrainConfig, to_json(config)) == config
