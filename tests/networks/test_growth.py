import copy

import pytest
import torch

from networks.growth import Growing, enlarge, shrink
from networks.interface import ImageSpec, Noise
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from torch_utils.errors import ConfigError


class Plant(Growing):
    """The least that can grow."""

    def __init__(self, resolution: int = 32):
        super().__init__()
        self.image_spec = ImageSpec(resolution=resolution)


def test_a_new_network_is_full_grown():
    assert Plant().stage() == (32, 1, 0.0)


@pytest.mark.parametrize(
    ("lod", "expected"), [(0, (32, 1, 0)), (0.25, (32, 1, 0.25)), (1, (16, 2, 0)), (2.5, (8, 4, 0.5)), (3, (4, 8, 0))]
)
def test_the_whole_part_of_lod_halves_and_the_rest_fades(lod, expected):
    plant = Plant()
    plant.grow(lod)
    assert plant.stage() == expected


@pytest.mark.parametrize("lod", [-0.1, 3.1, float("nan")])
def test_a_lod_out_of_range_is_refused(lod):
    with pytest.raises(ConfigError, match=f"lod: {lod} is not possible. Use a number from 0 to 3 at 32 pixels"):
        Plant().grow(lod)


def test_lod_is_saved_and_control_flow_follows_what_is_loaded():
    grown, loaded = Plant(), Plant()
    grown.grow(1.3)
    loaded.load_state_dict(grown.state_dict())
    assert loaded.stage() == grown.stage() != Plant().stage()


def test_a_lod_that_is_loaded_is_checked_too():
    seedling = Plant(resolution=256)
    seedling.grow(6)
    with pytest.raises(ConfigError, match="lod: 6.0 is not possible. Use a number from 0 to 3"):
        Plant().load_state_dict(seedling.state_dict())


def test_a_copy_grows_alone():
    plant = Plant()
    twin = copy.deepcopy(plant)
    ripe = Plant()
    ripe.grow(2)
    twin.load_state_dict(ripe.state_dict())
    assert (twin.stage().resolution, plant.stage().resolution) == (8, 32)


def test_enlarging_repeats_pixels():
    assert enlarge(torch.tensor([[[[1.0, 2.0]]]]), 2).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


def test_shrinking_averages_squares():
    assert shrink(torch.tensor([[[[1.0, 2.0, 5.0, 5.0], [3.0, 4.0, 5.0, 5.0]]]]), 2).tolist() == [[[[2.5, 5.0]]]]


def test_growing_means_nothing_to_networks_that_are_made_full_grown():
    spec = ImageSpec(resolution=8)
    generator = StyleGAN2GeneratorConfig(z_dim=4, w_dim=4, channel_max=4, mapping_layers=1).build(spec)
    discriminator = StyleGAN2DiscriminatorConfig(channel_max=4).build(spec)
    pictures = generator.synthesis(torch.ones(1, generator.num_ws, 4), noise := Noise(mode="none"))
    logits = discriminator(pictures)
    generator.grow(1)
    discriminator.grow(1)
    assert torch.equal(generator.synthesis(torch.ones(1, generator.num_ws, 4), noise), pictures)
    assert torch.equal(discriminator(pictures), logits)
    assert generator.active_ws == generator.num_ws
