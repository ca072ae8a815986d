import json

import numpy as np
import pytest
import torch

from networks.interface import ImageSpec, Noise
from networks.stylegan2_generator import StyleGAN2Generator, StyleGAN2GeneratorConfig
from tests.support.closeness import assert_golden
from tests.support.official_names import generator_name, golden_arrays, load_official
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

RESOLUTIONS = [4, 8, 16, 32]
CONST = Noise(mode="const")


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def tiny(**changes) -> StyleGAN2Generator:
    options = {"z_dim": 16, "w_dim": 16, "mapping_layers": 2, "channel_base": 128, "channel_max": 16} | changes
    torch.manual_seed(1)
    generator = StyleGAN2GeneratorConfig(**options).build(ImageSpec(resolution=16)).eval()
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.5)
    return generator


def golden_generator(shared, case: str, clamp: float | None = None):
    golden = np.load(shared / "golden" / f"sg2_G_{case}.npz", allow_pickle=False)
    init = json.loads(str(golden["meta_json"]))["init"]
    config = StyleGAN2GeneratorConfig(
        z_dim=init["z_dim"],
        w_dim=init["w_dim"],
        mapping_layers=init["mapping_kwargs"]["num_layers"],
        architecture=init["synthesis_kwargs"]["architecture"],
        channel_base=256,
        channel_max=24,
        clamp=clamp,
    )
    # c_dim numbers of the golden network are taken as they are: a set of c_dim - 1 classes and "unlabelled".
    sets = (LabelSet(name="label", classes=tuple("abc")),) if init["c_dim"] else ()
    generator = config.build(ImageSpec(resolution=32, label_sets=sets)).eval()
    load_official(generator, golden_arrays(golden, "sd/"), lambda name: generator_name(name, RESOLUTIONS))
    return generator, golden


CASES = [f"{architecture}_{labels}" for architecture in ("skip", "resnet", "orig") for labels in ("uncond", "cond")]


@pytest.mark.parametrize("case", CASES)
def test_pictures_and_their_derivative_agree_with_the_golden_numbers(shared, case):
    if not (shared / "golden" / f"sg2_G_{case}.npz").exists():
        pytest.skip(f"golden/sg2_G_{case}.npz is absent")
    generator, golden = golden_generator(shared, case)
    z = torch.from_numpy(golden["z"])
    labels = torch.from_numpy(golden["c"]) if "c" in golden.files and generator.image_spec.label_dim else None
    ws = generator.mapping(z, labels)
    assert_golden(ws, golden["ws"])
    assert_golden(generator.mapping(z, labels, psi=0.7), golden["ws_psi0.7"])
    assert_golden(generator.mapping(z, labels, psi=0.7, cutoff=3), golden["ws_psi0.7_cutoff3"])
    assert_golden(generator.mapping(z, labels, psi=-0.5), golden["ws_psi-0.5"])
    ws = torch.from_numpy(golden["ws"]).requires_grad_()
    image = generator.synthesis(ws, CONST)
    assert_golden(image, golden["img_const"])
    (dws,) = torch.autograd.grad((image * torch.from_numpy(golden["g_img"])).sum(), ws)
    assert_golden(dws, golden["dws"], relative=1e-3)


@pytest.mark.parametrize("case", ["skip_uncond", "skip_cond"])
def test_noise_modes_agree_with_the_golden_numbers(shared, case):
    generator, golden = golden_generator(shared, case)
    ws = torch.from_numpy(golden["ws"])
    assert_golden(generator.synthesis(ws, Noise(mode="none")), golden["img_none"])
    random = Noise(mode="random", generators=(torch.Generator().manual_seed(777),))
    assert_golden(generator.synthesis(ws, random), golden["img_random_seed777"])
    cut = torch.from_numpy(golden["ws_psi0.7_cutoff3"])
    assert_golden(generator.synthesis(cut, CONST), golden["img_const_psi0.7_cutoff3"])
    assert_golden(generator.synthesis(ws, CONST), golden["img_const_trainmode_unfused"])


def test_activations_of_each_block_agree_with_the_golden_numbers(shared):
    generator, golden = golden_generator(shared, "skip_uncond")
    seen = []
    for block in generator.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    generator.synthesis(torch.from_numpy(golden["ws"]), CONST)
    for resolution, (x, image) in zip(RESOLUTIONS, seen, strict=True):
        assert_golden(x[0], golden[f"act/b{resolution}_x"].reshape(x[0].shape))
        if resolution < 32:  # the last one is the picture itself, compared above
            assert_golden(image[0], golden[f"act/b{resolution}_img"].reshape(image[0].shape))


def test_clamping_agrees_with_the_golden_numbers(shared):
    generator, _ = golden_generator(shared, "skip_uncond", clamp=0.8)
    golden = np.load(shared / "golden" / "sg2_G_conv_clamp.npz", allow_pickle=False)
    image = generator(torch.from_numpy(golden["z"]), noise=CONST)
    assert_golden(image, golden["img_const_conv_clamp0_8"])


@pytest.mark.parametrize(
    ("resolution", "channel_base", "mapping_layers", "expected"),
    [
        (256, 16384, 8, 24_767_458),
        (256, 16384, 2, 23_191_522),
        (256, 32768, 8, 30_034_338),
        (1024, 32768, 8, 30_370_060),
        (32, 32768, 2, 19_947_539),
    ],
)
def test_parameter_counts_are_those_of_the_spec(resolution, channel_base, mapping_layers, expected):
    config = StyleGAN2GeneratorConfig(channel_base=channel_base, mapping_layers=mapping_layers)
    with torch.device("meta"):
        assert parameter_count(config.build(ImageSpec(resolution=resolution))) == expected


def test_a_256_pixel_generator_has_14_styles():
    with torch.device("meta"):
        assert StyleGAN2GeneratorConfig().build(ImageSpec(resolution=256)).num_ws == 14


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_gradient_reaches_every_parameter(architecture):
    generator = tiny(architecture=architecture)
    generator(torch.randn(2, 16), noise=Noise(mode="random")).square().sum().backward()
    silent = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_a_seed_gives_the_same_picture_in_any_batch():
    generator = tiny()
    z = torch.randn(3, 16)
    noises = [torch.Generator().manual_seed(seed) for seed in (5, 6, 7)]
    together = generator(z, noise=Noise(generators=tuple(noises)))
    alone = generator(z[2:], noise=Noise(generators=(torch.Generator().manual_seed(7),)))
    torch.testing.assert_close(alone[0], together[2], rtol=1e-4, atol=1e-5)


def test_random_noise_changes_the_picture_and_const_does_not():
    generator = tiny()
    z = torch.randn(1, 16)
    assert not torch.equal(generator(z, noise=Noise()), generator(z, noise=Noise()))
    assert torch.equal(generator(z, noise=CONST), generator(z, noise=CONST))


def test_a_generator_without_noise_inputs_has_no_noise_parameters():
    generator = tiny(noise_inputs=False)
    assert not [name for name in generator.state_dict() if "noise" in name]
    z = torch.randn(1, 16)
    assert torch.equal(generator(z, noise=Noise()), generator(z, noise=CONST))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_finite_and_near(dtype):
    generator = tiny()
    ws = generator.mapping(torch.randn(2, 16) * 3)
    exact = generator.synthesis(ws, CONST)
    for block in generator.blocks:
        block.dtype_of = lambda device: dtype
    reduced = generator.synthesis(ws, CONST)
    assert reduced.dtype == torch.float32
    assert reduced.isfinite().all()
    assert (reduced - exact).abs().mean() < 0.05 * exact.abs().mean()


@pytest.mark.parametrize("resolution", [4, 48, 100])
def test_a_resolution_that_is_no_power_of_two_is_refused(resolution):
    with pytest.raises(ConfigError, match=f"resolution: {resolution} is not possible. Use a power of two"):
        StyleGAN2GeneratorConfig().build(ImageSpec(resolution=resolution))


def test_a_negative_width_is_refused_by_name():
    with pytest.raises(ConfigError, match="generator.channel_base: -1 is not possible"):
        StyleGAN2GeneratorConfig(channel_base=-1)
