import pytest
import torch
import torch.nn.functional as F

from networks.interface import ImageSpec
from networks.stylegan1_discriminator import DiscriminatorLayer, StyleGAN1Discriminator, StyleGAN1DiscriminatorConfig
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

STATUS = LabelSet(name="status", classes=("noble", "warrior"))
GENDER = LabelSet(name="gender", classes=("male", "female"))


def tiny(
    resolution: int = 16, label_sets: tuple[LabelSet, ...] = (), minibatch_channels: int = 1
) -> StyleGAN1Discriminator:
    torch.manual_seed(1)
    config = StyleGAN1DiscriminatorConfig(channel_base=128, channel_max=16, minibatch_channels=minibatch_channels)
    discriminator = config.build(ImageSpec(resolution=resolution, label_sets=label_sets))
    with torch.no_grad():
        for name, parameter in discriminator.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.randn_like(parameter) * 0.2)
    return discriminator


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def layer_by_hand(layer: DiscriminatorLayer, x: torch.Tensor) -> torch.Tensor:
    """Section 4 of the spec, step by step in plain torch."""
    _, channels, size, _ = layer.conv.weight.shape
    if layer.down == 2:
        blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
        x = F.conv2d(x, blur.expand(channels, 1, 3, 3), padding=1, groups=channels)
    x = F.conv2d(x, layer.conv.weight * (2 / (channels * size**2)) ** 0.5, padding=size // 2)
    x = F.avg_pool2d(x, 2) if layer.down == 2 else x
    return F.leaky_relu(x + layer.bias[:, None, None], 0.2)


def test_logits_are_what_the_spec_says():
    discriminator, images = tiny(8), torch.randn(4, 3, 8, 8)
    top, final = discriminator.blocks["8"], discriminator.blocks["4"]
    x = images
    for layer in (top.fromrgb, top.conv0, top.conv1):
        x = layer_by_hand(layer, x)
    deviation = (x.var(dim=0, correction=0) + 1e-8).sqrt().mean()
    x = layer_by_hand(final.conv, torch.cat([x, deviation.expand(4, 1, 4, 4)], dim=1)).flatten(1)
    x = F.leaky_relu(x @ final.fc.weight.t() * (2 / x.shape[1]) ** 0.5 + final.fc.bias, 0.2)
    x = x @ final.out.weight.t() / x.shape[1] ** 0.5 + final.out.bias
    torch.testing.assert_close(discriminator(images), x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("label_sets", "expected"),
    [((), 23_052_353), ((STATUS,), 23_052_353 + 2 * 513)],  # three outputs in place of one
)
def test_parameter_counts_are_those_of_the_spec(label_sets, expected):
    with torch.device("meta"):
        discriminator = StyleGAN1DiscriminatorConfig().build(ImageSpec(resolution=256, label_sets=label_sets))
    assert parameter_count(discriminator) == expected


def test_labels_choose_among_the_outputs():
    discriminator, images = tiny(8, (STATUS, GENDER)), torch.randn(4, 3, 8, 8)
    noble_male = torch.tensor([[1.0, 0, 0, 1, 0, 0]])
    outputs = []
    discriminator.blocks["4"].register_forward_hook(lambda module, inputs, output: outputs.append(output))
    logits = discriminator(images, noble_male.expand(4, -1))
    torch.testing.assert_close(logits, outputs[0][:, [0]] + outputs[0][:, [3]])


@pytest.mark.parametrize("lod", [0, 0.5, 1, 1.5, 2])
def test_there_is_a_logit_a_picture_at_every_stage_of_growth(lod):
    discriminator = tiny(16, (STATUS,))
    discriminator.grow(lod)
    assert discriminator(torch.randn(4, 3, 16, 16), torch.eye(3)[[0, 1, 2, 0]]).shape == (4, 1)


def test_a_network_with_a_doubling_to_come_is_the_smaller_one_on_averaged_pictures():
    large, small = tiny(16), tiny(8)
    wanted = small.state_dict().keys()
    small.load_state_dict({name: tensor for name, tensor in large.state_dict().items() if name in wanted})
    large.grow(1)
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(large(images), small(F.avg_pool2d(images, 2)))


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_fade_begins_and_ends_without_a_jump(whole):
    discriminator, images = tiny(), torch.randn(4, 3, 16, 16)
    logits = {}
    for lod in {max(whole - 1e-5, 0), whole, min(whole + 1e-5, 2)}:
        discriminator.grow(lod)
        logits[lod] = discriminator(images)
    for near in logits.values():
        torch.testing.assert_close(near, logits[whole], rtol=1e-3, atol=1e-3)


def test_a_fade_mixes_features_of_both_resolutions_in_proportion():
    discriminator, images = tiny(8), torch.randn(4, 3, 8, 8)
    top, final = discriminator.blocks["8"], discriminator.blocks["4"]
    new = top(top.fromrgb(images))
    old = final.fromrgb(F.avg_pool2d(images, 2))
    discriminator.grow(0.25)
    torch.testing.assert_close(discriminator(images), final(0.75 * new + 0.25 * old))


@pytest.mark.parametrize(
    ("lod", "silent_parts"),
    [
        (0, {"8.fromrgb", "4.fromrgb"}),
        (0.5, {"4.fromrgb"}),
        (1, {"16", "4.fromrgb"}),
        (2, {"16", "8"}),
    ],
)
def test_gradient_reaches_what_takes_part_and_nothing_else(lod, silent_parts):
    discriminator = tiny(16, (STATUS,))
    discriminator.grow(lod)
    discriminator(torch.randn(4, 3, 16, 16), torch.eye(3)[[0, 1, 2, 0]]).square().sum().backward()
    silent = {name for name, p in discriminator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    expected = {
        name
        for name, _ in discriminator.named_parameters()
        if any(name.startswith(f"blocks.{part}.") for part in silent_parts)
    }
    assert silent == expected


@pytest.mark.parametrize("lod", [0, 0.5, 1.5])
def test_the_gradient_penaltys_own_gradient_is_that_of_small_steps(lod):
    discriminator = tiny(minibatch_channels=0).double()
    for block in discriminator.blocks.values():
        block.dtype_of = lambda device: torch.float64
    discriminator.grow(lod)
    weight = discriminator.blocks["4"].conv.conv.weight
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)

    def penalty() -> torch.Tensor:
        (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
        return gradient.square().sum()

    (slope,) = torch.autograd.grad(penalty(), weight)
    direction, step = torch.randn_like(weight), 1e-7
    with torch.no_grad():
        weight += step * direction
    ahead = penalty().item()
    with torch.no_grad():
        weight -= 2 * step * direction
    behind = penalty().item()
    assert (ahead - behind) / (2 * step) == pytest.approx((slope * direction).sum().item(), rel=1e-3)


def test_the_gradient_penalty_reaches_every_weight_that_takes_part():
    discriminator = tiny()
    discriminator.grow(0.5)
    images = torch.randn(4, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    silent = [name for name, p in discriminator.named_parameters() if name.endswith("weight") and p.grad is None]
    assert silent == ["blocks.4.fromrgb.conv.weight"]


def test_lod_survives_its_state_dict():
    discriminator, other, images = tiny(), tiny(), torch.randn(4, 3, 16, 16)
    discriminator.grow(1.3)
    other.load_state_dict(discriminator.state_dict())
    assert torch.equal(other(images), discriminator(images))
    assert not torch.equal(tiny()(images), discriminator(images))


def test_without_minibatch_deviation_a_picture_is_judged_alone():
    discriminator, images = tiny(minibatch_channels=0), torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(discriminator(images)[2], discriminator(images[2:3])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_finite_and_near(dtype):
    discriminator, images = tiny(), torch.randn(4, 3, 16, 16)
    discriminator.grow(0.5)
    exact = discriminator(images)
    for size in ("16", "8"):
        discriminator.blocks[size].dtype_of = lambda device: dtype
    reduced = discriminator(images)
    assert reduced.dtype == torch.float32
    assert (reduced - exact).abs().mean() < 0.05 * exact.abs().mean()
    assert torch.equal(discriminator(images, force_fp32=True), exact)


def test_stages_run_from_the_picture_inwards():
    discriminator = tiny()
    stages = discriminator.stages()
    assert list(stages[0]) == [discriminator.blocks[size].fromrgb for size in ("16", "8", "4")]
    assert stages[1] is discriminator.blocks["16"].conv0
    assert stages[-1] is discriminator.blocks["4"].out
    assert sum(parameter_count(stage) for stage in stages) == parameter_count(discriminator)


def test_minibatch_channels_must_divide_the_features():
    with pytest.raises(ConfigError, match="discriminator.minibatch_channels: 3 is not possible. Use 0 or a divisor"):
        StyleGAN1DiscriminatorConfig(minibatch_channels=3).build(ImageSpec(resolution=8))


def test_a_negative_group_is_refused_by_name():
    with pytest.raises(ConfigError, match="discriminator.minibatch_group: 0 is not possible"):
        StyleGAN1DiscriminatorConfig(minibatch_group=0)


def test_every_layer_is_clamped_as_asked():
    discriminator = StyleGAN1DiscriminatorConfig(channel_base=64, channel_max=4, clamp=2.5).build(
        ImageSpec(resolution=16)
    )
    layers = [module for module in discriminator.modules() if isinstance(module, DiscriminatorLayer)]
    assert [layer.clamp for layer in layers] == [2.5] * 8  # three a resolution above 4x4, two there
    with torch.no_grad():
        assert discriminator.blocks["16"].fromrgb(torch.full((1, 3, 16, 16), 1e3)).abs().max() <= 2.5
