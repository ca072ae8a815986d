"""A seed gives the same picture in any batch, in every noise mode."""

import pytest
import torch

from networks.interface import ImageSpec
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from sampling.pictures import generate_pictures
from torch_utils.labels import LabelSet

STATUS = LabelSet(name="status", classes=("noble", "warrior"))


def build(**spec):
    torch.manual_seed(2)
    config = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)
    network = config.build(ImageSpec(resolution=16, **spec)).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.3)
    return network


@pytest.fixture(scope="module")
def generator():
    return build()


def sample(generator, seeds, **options):
    return torch.cat(list(generate_pictures(generator, seeds, **options)))


@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_a_seed_gives_the_same_picture_in_any_batch(generator, noise):
    together = sample(generator, [6, 7, 8], noise=noise)
    difference = sample(generator, [7], noise=noise)[0].int() - together[1].int()
    assert difference.abs().max() <= 1
    assert (sample(generator, [6, 7, 8], noise=noise, batch=2).int() - together.int()).abs().max() <= 1


def test_pictures_are_uint8_in_the_order_of_the_seeds(generator):
    pictures = sample(generator, [3, 1], batch=1)
    assert pictures.dtype == torch.uint8 and pictures.shape == (2, 3, 16, 16)
    assert torch.equal(pictures[1], sample(generator, [1])[0])
    assert not torch.equal(pictures[0], pictures[1])


def test_the_noise_modes_differ_and_random_noise_belongs_to_the_seed(generator):
    shown = {mode: sample(generator, [4], noise=mode) for mode in ("const", "random", "none")}
    assert not torch.equal(shown["const"], shown["random"])
    assert not torch.equal(shown["const"], shown["none"])
    assert torch.equal(shown["random"], sample(generator, [4], noise="random"))


def test_psi_0_gives_every_seed_the_mean_picture(generator):
    pictures = sample(generator, [0, 1, 2], psi=0.0)
    assert torch.equal(pictures[0], pictures[1]) and torch.equal(pictures[1], pictures[2])


def test_the_cutoff_truncates_only_the_first_styles(generator):
    full, none = sample(generator, [5], psi=0.0), sample(generator, [5])
    half = sample(generator, [5], psi=0.0, cutoff=2)
    assert not torch.equal(half, full) and not torch.equal(half, none)
    assert torch.equal(sample(generator, [5], psi=0.0, cutoff=100), full)


def test_labels_change_the_picture():
    conditional = build(label_sets=(STATUS,))
    noble, warrior = (sample(conditional, [0], labels=torch.tensor([[index]])) for index in (0, 1))
    assert not torch.equal(noble, warrior)


def test_no_seeds_give_no_pictures(generator):
    assert list(generate_pictures(generator, [])) == []
