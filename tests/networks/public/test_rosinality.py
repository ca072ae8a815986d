"""StyleGAN2's .pt with g_ema: the same pictures as the network it was made of."""

import pytest
import torch

from networks.interface import Noise
from networks.public.importing import read_public
from networks.snapshot import load_generator
from tests.support.public_files import rosinality_state, saved_by_torch, tiny_generator, write
from torch_utils.errors import SnapshotError

CONST = Noise(mode="const")


def checkpoint(network, **others):
    return {"g_ema": rosinality_state(network), "latent_avg": network.mapping.w_mean, **others}


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("resolution", [8, 32])
def test_a_checkpoint_gives_the_pictures_of_the_network_it_was_made_of(tmp_path, as_zip, resolution):
    network = tiny_generator(resolution=resolution)
    path = write(tmp_path / "g.pt", saved_by_torch(checkpoint(network), as_zip=as_zip))
    loaded = load_generator(path)
    z = torch.randn(3, 8)
    torch.testing.assert_close(loaded.network(z, psi=0.7, noise=CONST), network(z, psi=0.7, noise=CONST))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_precision_are_read_as_they_are(tmp_path, dtype):
    network = tiny_generator()
    held = {"g_ema": {name: tensor.to(dtype) for name, tensor in rosinality_state(network).items()}}
    held["latent_avg"] = network.mapping.w_mean.to(dtype)
    loaded = load_generator(write(tmp_path / "g.pt", saved_by_torch(held)))
    assert loaded.network.mapping.w_mean.equal(network.mapping.w_mean.to(dtype).float())
    const = network.state_dict()["blocks.0.const"]
    assert loaded.network.state_dict()["blocks.0.const"].equal(const.to(dtype).float())


def test_g_is_kept_and_the_rest_is_named(tmp_path):
    network = tiny_generator()
    held = checkpoint(network, g=rosinality_state(network), d={"a": torch.ones(1)}, d_optim={"state": {}})
    imported = read_public(write(tmp_path / "g.pt", saved_by_torch(held)))
    assert list(imported.parts) == ["ema", "generator"]
    assert imported.notes == ("of no use here: d, d_optim",)


def test_without_latent_avg_styles_are_averaged_and_that_is_said(tmp_path):
    network = tiny_generator()
    path = write(tmp_path / "g.pt", saved_by_torch({"g_ema": rosinality_state(network)}))
    imported = read_public(path)
    assert imported.notes == ("no latent_avg in it: 4096 styles were averaged",)
    with torch.no_grad():
        styles = network.mapping.styles(torch.randn(20_000, 8), None)
    expected, spread = styles.mean(dim=0), styles.std(dim=0)
    assert ((imported.parts["ema"]["mapping.w_mean"] - expected).abs() < 0.1 * spread).all()


def changed(change):
    held = checkpoint(tiny_generator())
    change(held)
    return held


REFUSED = {
    "no g_ema": ({"model": 1}, "it has no g_ema"),
    "layer missing": (changed(lambda h: h["g_ema"].pop("conv1.noise.weight")), "no tensor for blocks.0.conv1.noise_st"),
    "layer too many": (changed(lambda h: h["g_ema"].update(x=torch.ones(1))), "its tensor x has no place here"),
    "other filter": (
        changed(lambda h: h["g_ema"].update({"convs.0.conv.blur.kernel": torch.ones(4, 4)})),
        "convs.0.conv.blur.kernel is another filter than ours",
    ),
    "one tensor under many names": (
        changed(lambda h: h["g_ema"].update(dict.fromkeys(map(str, range(300)), torch.zeros(10**6).half()))),
        "it has more numbers than any network",
    ),
    "no tensor": (changed(lambda h: h["g_ema"].update(step=1)), "not all in it are tensors"),
    "g of another size": (
        checkpoint(tiny_generator(), g=rosinality_state(tiny_generator(resolution=8))),
        "g and g_ema have different sizes",
    ),
    "no generator": ({"g_ema": {"a": torch.ones(1)}}, "not the generator of a StyleGAN2 .pt"),
    "mean of another width": (changed(lambda h: h.update(latent_avg=torch.ones(3))), "its latent_avg is no style"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_name(tmp_path, case):
    held, message = REFUSED[case]
    with pytest.raises(SnapshotError, match=message):
        read_public(write(tmp_path / "g.pt", saved_by_torch(held)))
