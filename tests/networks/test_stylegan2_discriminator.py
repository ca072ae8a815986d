import json

import numpy as np
import pytest
import torch

from networks.interface import ImageSpec
from networks.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig
from tests.support.closeness import assert_golden
from tests.support.official_names import discriminator_name, golden_arrays, load_official
from torch_utils.labels import LabelSet

RESOLUTIONS = [32, 16, 8]


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def golden_discriminator(shared, case: str) -> tuple[StyleGAN2Discriminator, np.lib.npyio.NpzFile]:
    path = shared / "golden" / f"sg2_D_{case}.npz"
    if not path.exists():
        pytest.skip(f"golden/{path.name} is absent")
    golden = np.load(path, allow_pickle=False)
    init = json.loads(str(golden["meta_json"]))["init"]
    config = StyleGAN2DiscriminatorConfig(
        architecture=init["architecture"], channel_base=256, channel_max=24, clamp=None
    )
    sets = (LabelSet(name="label", classes=tuple("abc")),) if init["c_dim"] else ()
    discriminator = config.build(ImageSpec(resolution=32, label_sets=sets))
    load_official(discriminator, golden_arrays(golden, "sd/"), lambda name: discriminator_name(name, RESOLUTIONS))
    return discriminator, golden


CASES = [f"{architecture}_{labels}" for architecture in ("resnet", "skip", "orig") for labels in ("uncond", "cond")]


@pytest.mark.parametrize("case", CASES)
def test_logits_and_their_picture_gradient_agree_with_the_golden_numbers(shared, case):
    discriminator, golden = golden_discriminator(shared, case)
    images = torch.from_numpy(np.load(shared / "golden" / "sg2_D_images.npz", allow_pickle=False)["img"])
    labels = torch.from_numpy(golden["c"]) if case.endswith("_cond") else None
    assert_golden(discriminator(images, labels), golden["logits8"])
    first = images[:4].clone().requires_grad_()
    logits = discriminator(first, None if labels is None else labels[:4])
    assert_golden(logits, golden["logits4"])
    (gradient,) = torch.autograd.grad(logits.sum(), first, create_graph=True)
    assert_golden(gradient, golden["dlogits_dimg4"], relative=1e-3)
    penalty = gradient.square().sum(dim=[1, 2, 3])
    assert_golden(penalty, golden["r1_penalty4"], relative=1e-3)
    expected = golden_arrays(golden, "r1_mean_grad/")
    if not expected:
        return
    named = dict(discriminator.named_parameters())
    gradients = torch.autograd.grad(penalty.mean(), list(named.values()), allow_unused=True)
    ours = dict(zip(named, gradients, strict=True))
    for name, array in expected.items():
        gradient = ours[discriminator_name(name, RESOLUTIONS)]
        assert_golden(torch.zeros(array.shape) if gradient is None else gradient, array, relative=1e-3)


@pytest.mark.parametrize(
    ("resolution", "channel_base", "architecture", "expected"),
    [
        (256, 16384, "resnet", 24_001_089),
        (256, 32768, "resnet", 28_864_129),
        (1024, 32768, "resnet", 29_012_513),
        (32, 32768, "resnet", 21_507_073),
        # The spec's count for `cifar` is the residual one above; its own "orig" has three 1x1 skips of 512² less.
        (32, 32768, "orig", 21_507_073 - 3 * 512 * 512),
    ],
)
def test_parameter_counts_are_those_of_the_spec(resolution, channel_base, architecture, expected):
    config = StyleGAN2DiscriminatorConfig(channel_base=channel_base, architecture=architecture)
    with torch.device("meta"):
        assert parameter_count(config.build(ImageSpec(resolution=resolution))) == expected


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_gradient_reaches_every_parameter(architecture):
    sets = (LabelSet(name="status", classes=("noble", "warrior")),)
    config = StyleGAN2DiscriminatorConfig(architecture=architecture, channel_base=128, channel_max=16)
    discriminator = config.build(ImageSpec(resolution=16, label_sets=sets))
    labels = torch.eye(3)[[0, 1, 2, 0]]
    discriminator(torch.randn(4, 3, 16, 16), labels).square().sum().backward()
    silent = [name for name, p in discriminator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_without_minibatch_deviation_a_picture_is_judged_alone():
    config = StyleGAN2DiscriminatorConfig(channel_base=128, channel_max=16, minibatch_channels=0)
    discriminator = config.build(ImageSpec(resolution=16))
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(discriminator(images)[2], discriminator(images[2:3])[0], rtol=1e-4, atol=1e-5)


def test_stages_run_from_the_picture_inwards():
    discriminator = StyleGAN2DiscriminatorConfig(channel_base=128, channel_max=16).build(ImageSpec(resolution=16))
    stages = discriminator.stages()
    assert stages[0] is discriminator.blocks["16"].fromrgb
    assert stages[-1] is discriminator.epilogue.out
    counted = sum(parameter_count(stage) for stage in stages)
    assert counted == parameter_count(discriminator)
