"""What configs of every kind of network refuse alike."""

import pytest

from networks.snapshot import GENERATORS
from networks.stylegan1_discriminator import StyleGAN1DiscriminatorConfig
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from torch_utils.errors import ConfigError

DISCRIMINATORS = [StyleGAN1DiscriminatorConfig, StyleGAN2DiscriminatorConfig]
CONFIGS = [*(("generator", config) for config in GENERATORS.values()), *(("discriminator", c) for c in DISCRIMINATORS)]
EVERYWHERE = {
    "channel_base": (0, "Use a positive number"),
    "channel_max": (-1, "Use a positive number"),
    "clamp": (0.0, "Use a positive number, or null for none"),
    "num_low_precision_res": (-1, "Use 0 or more"),
}
MAPPING = {
    "z_dim": (0, "Use a positive number"),
    "mapping_layers": (0, "Use a positive number"),
    "mapping_lr_multiplier": (0.0, "Use a positive number"),
    "w_mean_decay": (1.5, "Use a number from 0 to 1"),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize(("network", "config"), CONFIGS)
def test_sizes_clamp_and_number_formats_that_cannot_be_are_refused(network, config, name):
    value, remedy = EVERYWHERE[name]
    with pytest.raises(ConfigError, match=f"{network}.{name}: {value} is not possible. {remedy}"):
        config(**{name: value})


@pytest.mark.parametrize("name", MAPPING)
@pytest.mark.parametrize("config", GENERATORS.values())
def test_mapping_networks_that_cannot_be_are_refused(config, name):
    value, remedy = MAPPING[name]
    with pytest.raises(ConfigError, match=f"generator.{name}: {value} is not possible. {remedy}"):
        config(**{name: value})
