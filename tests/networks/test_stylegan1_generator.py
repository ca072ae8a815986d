import pytest
import torch
import torch.nn.functional as F

from networks.interface import ImageSpec, Noise
from networks.snapshot import SnapshotInfo, load_generator, save_snapshot
from networks.stylegan1_generator import StyleGAN1Generator, StyleGAN1GeneratorConfig, SynthesisLayer
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

CONST = Noise(mode="const")
LABELS = (LabelSet(name="status", classes=("noble", "warrior")),)
TINY = StyleGAN1GeneratorConfig(z_dim=16, w_dim=16, mapping_layers=2, channel_base=128, channel_max=16)


def tiny(resolution: int = 16, label_sets: tuple[LabelSet, ...] = ()) -> StyleGAN1Generator:
    torch.manual_seed(1)
    generator = TINY.build(ImageSpec(resolution=resolution, label_sets=label_sets)).eval()
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise_weight", "bias")):
                parameter.copy_(torch.randn_like(parameter) * 0.5)
    return generator


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def layer_by_hand(layer: SynthesisLayer, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Section 4 of the spec, step by step in plain torch, with the constant noise."""
    channels = layer.bias.numel()
    if layer.conv is not None:
        kernel = layer.conv.weight * (2 / (layer.conv.weight.shape[1] * 9)) ** 0.5
        if layer.up == 2:
            x, kernel = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), kernel.flip([2, 3])
        x = F.conv2d(x, kernel, padding=1)
    if layer.up == 2:
        blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
        x = F.conv2d(x, blur.expand(channels, 1, 3, 3), padding=1, groups=channels)
    x = x + layer.noise_const * layer.noise_weight[:, None, None] + layer.bias[:, None, None]
    x = torch.where(x > 0, x, 0.2 * x)
    x = x - x.mean(dim=(2, 3), keepdim=True)
    x = x / (x.square().mean(dim=(2, 3), keepdim=True) + 1e-8).sqrt()
    style = w @ layer.affine.weight.t() / w.shape[1] ** 0.5 + layer.affine.bias
    return x * (style[:, :channels, None, None] + 1) + style[:, channels:, None, None]


@pytest.mark.parametrize(("resolution", "name"), [("4", "layer0"), ("4", "layer1"), ("8", "layer0"), ("16", "layer1")])
def test_a_layer_is_what_the_spec_says(resolution, name):
    layer = getattr(tiny().blocks[resolution], name)
    size, channels = layer.resolution // layer.up, layer.bias.numel()
    channels = channels if layer.conv is None else layer.conv.weight.shape[1]
    x, w = torch.randn(2, channels, size, size), torch.randn(2, 16)
    torch.testing.assert_close(layer(x, w, CONST), layer_by_hand(layer, x, w), rtol=1e-4, atol=1e-5)


def test_the_picture_is_the_top_blocks_features_through_an_unstyled_1x1_convolution():
    generator, ws = tiny(), torch.randn(2, 6, 16)
    x = generator.blocks["4"].const.expand(2, -1, -1, -1)
    for index, layer in enumerate(
        layer for block in generator.blocks.values() for layer in (block.layer0, block.layer1)
    ):
        x = layer_by_hand(layer, x, ws[:, index])
    torgb = generator.blocks["16"].torgb
    expected = F.conv2d(x, torgb.weight / x.shape[1] ** 0.5, torgb.bias)
    torch.testing.assert_close(generator.synthesis(ws, CONST), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("resolution", "labels", "expected"),
    [
        (256, (), 26_086_229),
        (1024, (), 26_219_627),  # the 26.2M of the paper
        (256, LABELS, 26_086_229 + 3 * 512 + 512 * 512),  # the embedding, and the first layer's second half
    ],
)
def test_parameter_counts_are_those_of_the_spec(resolution, labels, expected):
    with torch.device("meta"):
        generator = StyleGAN1GeneratorConfig().build(ImageSpec(resolution=resolution, label_sets=labels))
    assert parameter_count(generator) == expected


def test_a_256_pixel_generator_has_14_styles():
    with torch.device("meta"):
        assert StyleGAN1GeneratorConfig().build(ImageSpec(resolution=256)).num_ws == 14


def test_the_constant_starts_at_ones_and_noise_without_effect():
    generator = TINY.build(ImageSpec(resolution=8))
    assert (generator.blocks["4"].const == 1).all()
    assert all((p == 0).all() for name, p in generator.named_parameters() if name.endswith("noise_weight"))


@pytest.mark.parametrize("lod", [0, 0.5, 1, 1.5, 2])
def test_pictures_keep_their_size_while_the_network_grows(lod):
    generator = tiny()
    generator.grow(lod)
    assert generator(torch.randn(2, 16)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(("lod", "styles"), [(0, 6), (0.9, 6), (1, 4), (1.5, 4), (2, 2)])
def test_only_the_styles_of_blocks_that_take_part_have_an_effect(lod, styles):
    generator = tiny()
    generator.grow(lod)
    assert generator.active_ws == styles
    ws = torch.randn(1, 6, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(generator.synthesis(ws, CONST).square().sum(), ws)
    assert [bool(row.abs().sum() > 0) for row in gradient[0]] == [index < styles for index in range(6)]


def test_a_network_with_a_doubling_to_come_is_the_smaller_one_enlarged():
    large, small = tiny(16), tiny(8)
    wanted = small.state_dict().keys()
    small.load_state_dict({name: tensor for name, tensor in large.state_dict().items() if name in wanted})
    large.grow(1)
    z = torch.randn(2, 16)
    expected = small(z, noise=CONST).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(large(z, noise=CONST), expected)


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_fade_begins_and_ends_without_a_jump(whole):
    generator, ws = tiny(), torch.randn(2, 6, 16)
    pictures = {}
    for lod in {max(whole - 1e-5, 0), whole, min(whole + 1e-5, 2)}:
        generator.grow(lod)
        pictures[lod] = generator.synthesis(ws, CONST)
    for near in pictures.values():
        torch.testing.assert_close(near, pictures[whole], rtol=1e-3, atol=1e-3)


def test_a_fade_mixes_the_pictures_of_both_resolutions_in_proportion():
    generator, ws = tiny(), torch.randn(2, 6, 16)
    ends = []
    for lod in (0, 1, 0.25):
        generator.grow(lod)
        ends.append(generator.synthesis(ws, CONST))
    new, old, mixed = ends
    torch.testing.assert_close(mixed, 0.75 * new + 0.25 * old)


@pytest.mark.parametrize(("lod", "silent_blocks"), [(0.5, {"4.torgb"}), (1, {"16", "4.torgb"}), (1.5, {"16"})])
def test_gradient_reaches_what_takes_part_and_nothing_else(lod, silent_blocks):
    generator = tiny()
    generator.grow(lod)
    generator(torch.randn(2, 16), noise=Noise(mode="random")).square().sum().backward()
    silent = {name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    expected = {
        name
        for name, _ in generator.named_parameters()
        if any(name.startswith(f"blocks.{block}.") for block in silent_blocks)
    }
    assert silent == expected


def test_lod_survives_a_snapshot(tmp_path):
    spec = ImageSpec(resolution=16, label_sets=LABELS)
    generator = tiny(16, LABELS)
    generator.grow(1.25)
    info = SnapshotInfo(image_spec=spec, generator=TINY)
    save_snapshot(tmp_path / "a.safetensors", info, {"ema": generator.state_dict()})
    loaded = load_generator(tmp_path / "a.safetensors").network
    z, labels = torch.randn(2, 16), torch.eye(3)[[0, 2]]
    assert torch.equal(loaded(z, labels, noise=CONST), generator(z, labels, noise=CONST))


def test_a_seed_gives_the_same_picture_in_any_batch():
    generator, z = tiny(), torch.randn(3, 16)
    noises = [torch.Generator().manual_seed(seed) for seed in (5, 6, 7)]
    together = generator(z, noise=Noise(generators=tuple(noises)))
    alone = generator(z[2:], noise=Noise(generators=(torch.Generator().manual_seed(7),)))
    torch.testing.assert_close(alone[0], together[2], rtol=1e-4, atol=1e-5)


def test_random_noise_changes_the_picture_and_const_and_none_do_not():
    generator, z = tiny(), torch.randn(1, 16)
    assert not torch.equal(generator(z, noise=Noise()), generator(z, noise=Noise()))
    assert torch.equal(generator(z, noise=CONST), generator(z, noise=CONST))
    none = Noise(mode="none")
    assert torch.equal(generator(z, noise=none), generator(z, noise=none))
    assert not torch.equal(generator(z, noise=none), generator(z, noise=CONST))


def test_labels_change_the_picture():
    generator, z = tiny(16, LABELS), torch.randn(1, 16)
    noble, warrior = (generator(z, torch.eye(3)[[index]], noise=CONST) for index in (0, 1))
    assert not torch.allclose(noble, warrior)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_finite_and_near(dtype):
    generator = tiny()
    generator.grow(0.5)
    ws = generator.mapping(torch.randn(2, 16) * 3)
    exact = generator.synthesis(ws, CONST)
    for block in generator.blocks.values():
        block.dtype_of = lambda device: dtype
    reduced = generator.synthesis(ws, CONST)
    assert reduced.dtype == torch.float32
    assert reduced.isfinite().all()
    assert (reduced - exact).abs().mean() < 0.05 * exact.abs().mean()
    assert torch.equal(generator.synthesis(ws, CONST, force_fp32=True), exact)


def test_an_activation_is_clamped_before_it_is_normalised():
    layer = SynthesisLayer(None, 1, w_dim=2, resolution=4, clamp=1.0)
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0] = torch.tensor([1.0, 5.0, 9.0, 0.5])
    styled = layer(x, torch.zeros(1, 2), Noise(mode="none"))[0, 0, 0]
    assert styled[0] == styled[1] == styled[2] > styled[3]


@pytest.mark.parametrize("resolution", [4, 48])
def test_a_resolution_that_is_no_power_of_two_is_refused(resolution):
    with pytest.raises(ConfigError, match=f"resolution: {resolution} is not possible. Use a power of two"):
        StyleGAN1GeneratorConfig().build(ImageSpec(resolution=resolution))


def test_a_negative_width_is_refused_by_name():
    with pytest.raises(ConfigError, match="generator.channel_base: -1 is not possible"):
        StyleGAN1GeneratorConfig(channel_base=-1)
