from pathlib import Path

import pytest

from tests.support.tiny_run import write_archive
from torch_utils.errors import ConfigError, DataError
from training.augment.config import AdaptiveStrength, FixedStrength, NoStrength
from training.options import Flags, open_run


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


def config_of(data: Path, **flags):
    return open_run(Flags(data=data, gpus=0, outdir=data.parent / "none", **flags))[0]


def test_the_default_folder_names_zip_and_preset(data):
    _, folder, _ = open_run(Flags(data=data, gpus=0, cfg="kaokore"))
    assert folder == Path("runs/discs-kaokore")


@pytest.mark.parametrize(
    ("flags", "path", "expected"),
    [
        ({"gamma": 3.0}, "losses.r1.gamma", 3.0),
        ({"kimg": 7.0}, "schedule.total_kimg", 7.0),
        ({"tick": 2.0}, "schedule.tick_kimg", 2.0),
        ({"snap": 3}, "schedule.snapshot_ticks", 3),
        ({"batch": 8}, "schedule.batch_size", 8),
        ({"batch": 8, "batch_gpu": 4}, "schedule.batch_gpu", 4),
        ({"mirror": True}, "data.mirror", True),
        ({"split": "train"}, "data.split", "train"),
        ({"augpipe": "bg"}, "augment.pipe", "bg"),
        ({"freezed": 2, "resume": Path("s.safetensors")}, "transfer.freeze_discriminator", 2),
        ({"metrics": "fid5k,kid"}, "metrics.names", ("fid5k", "kid")),
        ({"metrics": "none"}, "metrics.names", ()),
        ({"metrics_every": 4}, "metrics.every", 4),
        ({"seed": 9}, "runtime.seed", 9),
        ({"threads": 2}, "runtime.threads", 2),
        ({"ops": "reference"}, "runtime.ops", "reference"),
        ({"precision": "bf16"}, "generator.precision", "bf16"),
        ({"precision": "bf16"}, "discriminator.precision", "bf16"),
        ({"snapshot_parts": "ema"}, "runtime.snapshot_parts", "ema"),
        ({"cond": "all"}, "data.label_sets", ("colour", "size")),
        ({"cond": "size"}, "data.label_sets", ("size",)),
        ({"settings": ("losses.r1.every=8",)}, "losses.r1.every", 8),
        ({"gamma": 3.0, "settings": ("losses.r1.gamma=4",)}, "losses.r1.gamma", 4.0),
        ({"aug": "noaug"}, "augment.strength", NoStrength()),
        ({"fixed_p": 0.3}, "augment.strength", FixedStrength(p=0.3)),
        ({"aug": "fixed", "fixed_p": 0.3}, "augment.strength", FixedStrength(p=0.3)),
        ({"aug": "ada", "target": 0.5}, "augment.strength", AdaptiveStrength(target=0.5)),
    ],
)
def test_a_flag_sets_its_one_option(data, flags, path, expected):
    value = config_of(data, **flags)
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected


@pytest.mark.parametrize(
    ("flags", "sigma"),
    [
        ({}, 10),
        ({"resume": Path("s.safetensors")}, 0),
        ({"resume": Path("s.safetensors"), "settings": ("losses.blur.sigma=2",)}, 2),
    ],
)
def test_a_transferred_d_sees_sharply_from_the_start_unless_asked_otherwise(data, flags, sigma):
    assert config_of(data, cfg="stylegan3-r", **flags).losses.blur.sigma == sigma


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"cfg": "demmo"}, "--cfg demmo: no such preset"),
        ({"cond": "statuss"}, "--cond statuss: no such label set in discs.zip. There are: colour, size."),
        ({"gpus": 64}, "--gpus 64: torch sees"),
        ({"batch": 0}, "--batch 0: cannot be shared"),
        ({"batch_gpu": 7}, "schedule.batch_size: 32 is not possible. Use a multiple of schedule.batch_gpu"),
        ({"aug": "fixed"}, "--aug fixed: needs a probability"),
        ({"aug": "noaug", "fixed_p": 0.3}, "--p 0.3: only fixed augmentation has a given p. Use --aug fixed."),
        ({"freezed": 2}, "freeze_discriminator: 2 is not possible. Layers are frozen as another run trained them"),
        ({"cond": "colour,colour"}, "--cond colour,colour: a label set is named twice. Name each once."),
        ({"augpipe": "none"}, "augment.pipe: none augments nothing"),
        ({"threads": 10**9}, "runtime.threads: 1000000000 is not possible. Use 0 to 1024."),
        ({"tick": 1e-320}, "schedule.tick_kimg: 1e-320 is not possible. Use 0.001"),
        ({"fixed_p": 0.3, "target": 0.5}, "--target 0.5: only adaptive augmentation has a target"),
        ({"augpipe": "bgx"}, "bgx"),
        ({"settings": ("losses.r1.gama=1",)}, "losses.r1.gama: no such option. Did you mean gamma?"),
        ({"settings": ("losses.r1.gamma",)}, "not of the form path=value"),
        ({"settings": ("losses.r1.gamma=much",)}, "losses.r1.gamma: much is not a number"),
        ({"settings": ("losses.r1.gamma.x=1",)}, "losses.r1.gamma is a value, not a group"),
        ({"settings": ("generator.architecture=skipp",)}, "generator.architecture: skipp is not a choice"),
        ({"config_file": Path("absent.json")}, "--config absent.json: No such file"),
    ],
)
def test_a_wrong_flag_is_refused_in_words(data, flags, message):
    with pytest.raises(ConfigError) as error:
        open_run(Flags(data=data, outdir=data.parent / "none", **({"gpus": 0} | flags)))
    assert message in str(error.value)


def test_an_unknown_split_is_refused_with_those_there_are(data):
    with pytest.raises(DataError, match="dev.*train"):
        config_of(data, split="dev")


def test_cond_without_labels_is_refused(tmp_path):
    plain = write_archive(tmp_path / "plain.zip", labels=False)
    with pytest.raises(ConfigError, match="--cond: plain.zip has no labels"):
        config_of(plain, cond="all")


def test_a_saved_config_can_be_used_for_another_run(data, tmp_path):
    import json

    from torch_utils.config import to_json

    config = config_of(data, gamma=5.0)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(config)))
    assert config_of(data, config_file=path) == config


def test_a_file_of_some_options_stands_above_the_preset_and_below_flags(data, tmp_path):
    (tmp_path / "some.json").write_text(
        '{"preset": "demo", "losses": {"r1": {"gamma": 5.0}}, "schedule": {"tick_kimg": 3}}'
    )
    config = config_of(data, config_file=tmp_path / "some.json", tick=7.0)
    assert (config.preset, config.losses.r1.gamma, config.schedule.tick_kimg) == ("demo", 5.0, 7.0)
    assert config.losses.r1.every == 16
