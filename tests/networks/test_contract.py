"""What every kind of generator promises, those of networks.snapshot.GENERATORS without being asked."""

import sys

import pytest
import torch

from networks.interface import Generator, ImageSpec, Noise, compute_dtype
from networks.snapshot import GENERATORS, SnapshotInfo, load_generator, save_snapshot
from tests.support.toy_generator import ToyGeneratorConfig
from torch_utils.labels import LabelSet, encode

SPEC = ImageSpec(resolution=16, label_sets=(LabelSet(name="status", classes=("noble", "warrior")),))
CONST = Noise(mode="const")
SIZES = {"z_dim": 8, "w_dim": 8, "mapping_layers": 2, "channel_base": 64, "channel_max": 8}


@pytest.fixture(params=[*GENERATORS, "toy"])
def config(request, monkeypatch):
    """A small one of each kind; the toy shows that a fourth needs no more than its line in the table."""
    monkeypatch.setitem(GENERATORS, "toy", ToyGeneratorConfig)
    return GENERATORS[request.param](**SIZES)


@pytest.fixture
def generator(config) -> Generator:
    torch.manual_seed(1)
    network = config.build(SPEC).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "noise" in name:
                parameter.fill_(0.5)
    return network


def latents(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(7)
    labels = encode(torch.randint(-1, 2, [count, 1], generator=draw), SPEC.label_sets)
    return torch.randn(count, 8, generator=draw), labels


def test_pictures_have_the_asked_size_and_type(generator):
    images = generator(*latents(3), noise=CONST)
    assert images.shape == (3, 3, 16, 16)
    assert images.dtype == torch.float32
    assert images.isfinite().all()


def test_pictures_of_a_fresh_network_are_of_the_range_s_order(generator):
    assert 0.01 < generator(*latents(8), noise=CONST).std() < 30


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_reduced_precision_everywhere_stays_finite_and_near(generator, config, dtype, monkeypatch):
    exact = generator(*latents(3), noise=CONST)
    for module in [module for name, module in sys.modules.items() if name.startswith("networks.")]:
        if getattr(module, "compute_dtype", None) is compute_dtype:
            monkeypatch.setattr(module, "compute_dtype", lambda *_: dtype)
    images = generator(*latents(3), noise=CONST)
    assert images.dtype == torch.float32
    assert torch.equal(images, exact) == (config.kind == "toy")  # it has one precision only
    assert (images - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_the_same_latents_give_the_same_pictures(generator):
    assert torch.equal(generator(*latents(2), noise=CONST), generator(*latents(2), noise=CONST))


def test_a_picture_does_not_depend_on_its_batch(generator):
    z, labels = latents(4)
    together = generator(z, labels, noise=CONST)
    alone = generator(z[2:3], labels[2:3], noise=CONST)
    torch.testing.assert_close(alone[0], together[2], rtol=1e-3, atol=1e-4)


def test_labels_change_the_picture(generator):
    z, _ = latents(1)
    pictures = [generator(z, encode(torch.tensor([[index]]), SPEC.label_sets), noise=CONST) for index in (0, 1)]
    assert not torch.allclose(*pictures)


def test_full_truncation_gives_everybody_the_mean_picture(generator):
    generator.mapping.track(torch.randn(8), 0.0)
    one, other = generator(*latents(2), psi=0, noise=CONST)
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_styles_beyond_the_active_ones_have_no_effect(generator):
    ws = generator.mapping(*latents(1)).clone()
    before = generator.synthesis(ws, CONST)
    assert 1 < generator.active_ws <= ws.shape[1]
    ws[:, generator.active_ws :] += 1
    assert torch.equal(before, generator.synthesis(ws, CONST))


def test_the_gradient_reaches_every_parameter_at_some_stage_of_growth(generator):
    generator.requires_grad_(True)
    z, labels = latents(6)
    for lod in (1.5, 0.5, 0.0):  # of meaning for networks that grow
        generator.grow(lod)
        images = generator(z, labels, noise=Noise(mode="random"))
        (images * torch.randn(images.shape)).sum().backward()
    silent = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_styles_have_a_second_derivative(generator):
    ws = generator.mapping(*latents(2)).detach().requires_grad_()
    images = generator.requires_grad_(True).synthesis(ws, CONST)
    (gradient,) = torch.autograd.grad((images * torch.randn(images.shape)).sum(), ws, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in generator.parameters())


def test_a_snapshot_gives_the_same_pictures_back(generator, config, tmp_path):
    path = tmp_path / "snapshot.safetensors"
    save_snapshot(path, SnapshotInfo(image_spec=SPEC, generator=config), {"ema": generator.state_dict()})
    loaded = load_generator(path)
    assert loaded.info.generator == config
    generator.requires_grad_(False)  # as loaded ones are: where no derivative is wanted, other bodies may run
    assert torch.equal(loaded.network(*latents(2), noise=CONST), generator(*latents(2), noise=CONST))


def test_running_means_move_towards_what_was_seen(generator):
    images, seen = generator.observed(generator.mapping(*latents(2)), CONST)
    assert images.shape == (2, 3, 16, 16)
    if seen is not None:
        before = {name: value.clone() for name, value in generator.named_buffers()}
        generator.track(seen)
        assert any(not torch.equal(before[name], value) for name, value in generator.named_buffers())


@pytest.mark.parametrize("kind", GENERATORS)
def test_the_mapping_learns_as_slowly_as_its_option_says(kind):
    slow = GENERATORS[kind](**SIZES, mapping_lr_multiplier=0.5).build(SPEC).mapping
    layers = [module for name, module in slow.named_modules() if name.startswith("layers.")]
    assert [layer.bias_gain for layer in layers] == [0.5, 0.5]
