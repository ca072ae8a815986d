import pytest

from torch_utils.config import from_json, to_json, with_settings
from torch_utils.errors import ConfigError
from training.augment.config import AdaptiveStrength, AugmentConfig, FixedStrength, NoStrength


def test_the_defaults_are_those_of_the_paper_with_a_cap():
    config = AugmentConfig()
    assert config.pipe == "bgc"
    assert config.strength == AdaptiveStrength(target=0.6, every=4, kimg=500.0, max_p=0.85, start_p=0.0)


@pytest.mark.parametrize("strength", [AdaptiveStrength(target=0.5), FixedStrength(p=0.3), NoStrength()])
def test_json_keeps_every_kind_of_strength(strength):
    config = AugmentConfig(pipe="faces", strength=strength)
    assert from_json(AugmentConfig, to_json(config)) == config


def test_settings_choose_a_kind_and_its_values():
    config = with_settings(AugmentConfig(), ["strength.kind=fixed", "strength.p=0.4"])
    assert config.strength == FixedStrength(p=0.4)


def test_an_unknown_set_names_its_neighbour():
    with pytest.raises(ConfigError, match="augment.pipe: bcg is no set of augmentations. Did you mean bgc?"):
        AugmentConfig(pipe="bcg")


def test_a_set_unlike_any_lists_those_there_are():
    with pytest.raises(
        ConfigError, match="augment.pipe: 17 is no set of augmentations. Use one of none, blit, .*faces"
    ):
        AugmentConfig(pipe="17")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 1.5}, "augment.strength.target: 1.5 is not possible. A mean sign lies between -1 and 1"),
        ({"every": 0}, "augment.strength.every: 0 is not possible. Use a whole number"),
        ({"kimg": 0.0}, "augment.strength.kimg: 0.0 is not possible. Use a number above 0"),
        ({"max_p": 1.2}, "augment.strength.max_p: 1.2 is not possible. Use a probability"),
        ({"start_p": 0.9}, r"augment.strength.start_p: 0.9 is not possible. Use 0 to max_p \(0.85\)"),
    ],
)
def test_impossible_adaptive_strengths_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        AdaptiveStrength(**options)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_an_impossible_fixed_strength_is_refused(p):
    with pytest.raises(ConfigError, match=f"augment.strength.p: {p} is not possible. Use a probability"):
        FixedStrength(p=p)
