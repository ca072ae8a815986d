import dataclasses

import pytest

from torch_utils.config import differences
from torch_utils.errors import ConfigError
from training.config import DataConfig
from training.presets import PRESETS, Preset, resolve


def preset(name="auto", resolution=256, gpus=1, **options):
    return resolve(name, data=DataConfig(path="x.zip"), resolution=resolution, gpus=gpus, **options)


@pytest.mark.parametrize(
    ("gpus", "batch", "gamma", "ema"),
    [(1, 16, 0.8192, 5.0), (2, 32, 0.4096, 10.0), (4, 64, 0.2048, 20.0), (8, 64, 0.2048, 20.0)],
)
def test_auto_at_256_is_the_published_derivation(gpus, batch, gamma, ema):
    config = preset(gpus=gpus)
    assert config.schedule.batch_size == batch
    assert config.losses.r1.gamma == pytest.approx(gamma)
    assert config.ema.half_life_kimg == pytest.approx(ema)
    assert config.discriminator.minibatch_group == 4
    assert config.generator.channel_base == 16384


@pytest.mark.parametrize(
    ("resolution", "channel_base", "lr"), [(256, 16384, 0.0025), (512, 32768, 0.0025), (1024, 32768, 0.002)]
)
def test_auto_follows_the_resolution(resolution, channel_base, lr):
    config = preset(resolution=resolution)
    assert config.generator.channel_base == channel_base
    assert config.optimizer.generator_lr == lr


@pytest.mark.parametrize(
    ("name", "batch", "group", "gamma", "ema", "mapping", "kimg"),
    [
        ("stylegan2", 32, 4, 10, 10, 8, 25000),
        ("paper256", 64, 8, 1, 20, 8, 25000),
        ("paper512", 64, 8, 0.5, 20, 8, 25000),
        ("paper1024", 32, 4, 2, 10, 8, 25000),
        ("cifar", 64, 32, 0.01, 500, 2, 100000),
    ],
)
def test_the_papers_presets_are_those_of_the_spec(name, batch, group, gamma, ema, mapping, kimg):
    config = preset(name, gpus=1)
    assert config.schedule.batch_size == batch
    assert config.discriminator.minibatch_group == group
    assert config.losses.r1.gamma == gamma
    assert config.ema.half_life_kimg == ema
    assert config.generator.mapping_layers == mapping
    assert config.schedule.total_kimg == kimg


def test_cifar_switches_path_length_and_mixing_off():
    config = preset("cifar", resolution=32)
    assert config.losses.path_length.weight == 0
    assert config.losses.style_mixing == 0
    assert config.discriminator.architecture == "orig"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_every_preset_resolves(name, gpus):
    config = preset(name, resolution=64, gpus=gpus)
    assert config.preset == name
    assert (config.generator.precision == "fp32") == (gpus == 0)


def test_an_unknown_preset_is_refused_with_the_list():
    with pytest.raises(ConfigError, match="--cfg papper256: no such preset. Use one of auto, stylegan2"):
        preset("papper256")


def test_a_batch_that_gpus_cannot_share_is_refused():
    with pytest.raises(ConfigError, match="--batch 10: cannot be shared by 4 GPUs. Use a multiple of 4."):
        preset(gpus=4, batch=10)


def test_gamma_follows_a_batch_given_by_flag():
    assert preset(batch=32).losses.r1.gamma == pytest.approx(0.4096)


OTHERWISE = {
    "batch": 8,
    "group": 2,
    "width": 1 / 64,
    "top": 64,
    "latent": 64,
    "lr": 0.01,
    "gamma": 3.0,
    "ema": 1.0,
    "ramp": 0.5,
    "mapping": 4,
    "path_length": 0.5,
    "mixing": 0.1,
    "d_arch": "orig",
    "kimg": 7.0,
    "augment": "blit",
    "mirror": True,
    "tick": 9.0,
    "snap": 7,
    "noise": False,
    "r1_every": 3,
    "threads": 5,
    "adaptive": False,
    "family": "stylegan1",
    "d_lr": 0.03,
    "gamma_at_256": 5.0,
    "blur": 3.0,
    "grows": True,
}


@pytest.mark.parametrize("column", [field.name for field in dataclasses.fields(Preset)])
def test_every_column_of_the_table_takes_effect(column, monkeypatch):
    usual = preset()
    monkeypatch.setitem(PRESETS, "auto", dataclasses.replace(PRESETS["auto"], **{column: OTHERWISE[column]}))
    assert differences(usual, preset())


def test_faces_of_the_kaokore_preset_are_mirrored_and_drawn_ones_are_not():
    assert preset("kaokore").data.mirror
    assert not preset("demo", resolution=32).data.mirror


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("stylegan3")])
@pytest.mark.parametrize("batch", [16, 32])
def test_the_magnitudes_of_stylegan3_are_halved_in_20_000_pictures(name, batch):
    decay = preset(name, gpus=8, batch=batch).generator.magnitude_decay
    assert decay ** (20_000 / batch) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["stylegan1", "stylegan2", "stylegan3-t", "stylegan3-r"])
def test_half_precision_comes_with_its_clamp_and_on_gpus_only(name):
    for gpus, expected in ((8, ("fp16", 256.0)), (0, ("fp32", None))):
        config = preset(name, gpus=gpus)
        for network in (config.generator, config.discriminator):
            assert (network.precision, network.clamp) == expected
