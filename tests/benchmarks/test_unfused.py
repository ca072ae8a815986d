import pytest
import torch

from benchmarks.unfused import by_the_book, zero_insertion
from networks.interface import ImageSpec, Noise
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from torch_utils.ops.plain import plain
from torch_utils.ops.upfirdn2d import setup_filter


def test_the_networks_by_the_book_make_the_same_pictures():
    torch.manual_seed(0)
    config = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)
    generator, z = config.build(ImageSpec(resolution=32)), torch.randn(3, 8)
    for name, parameter in generator.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            parameter.data += 0.1
    fused = generator(z, noise=Noise(mode="const"))
    with by_the_book():
        torch.testing.assert_close(generator(z, noise=Noise(mode="const")), fused, rtol=1e-4, atol=1e-4)
    assert torch.equal(generator(z, noise=Noise(mode="const")), fused)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 3)])
def test_zero_insertion_is_the_definition(up, down):
    x, f = torch.randn(2, 3, 7, 6, dtype=torch.float64), setup_filter([1, 3, 3, 2], separable=True)
    arguments = (x, f, [up, up], [down, down], [2, 1, 3, -1], True, 4.0)
    expected = plain(torch.ops.kaokore.upfirdn2d.default, *arguments)
    torch.testing.assert_close(zero_insertion(*arguments), expected, rtol=1e-6, atol=1e-6)  # a float32 filter
