"""The four loss terms against the golden phases: losses, gradients, running means."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from networks.interface import ImageSpec, Noise
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from tests.support.closeness import assert_golden
from tests.support.official_names import discriminator_name, generator_name, golden_arrays, load_official
from torch_utils.labels import LabelSet
from training.config import PathLengthConfig
from training.losses import path_length
from training.losses.adversarial import discriminator_logistic, generator_logistic
from training.losses.path_length import PathLength
from training.losses.r1 import R1
from training.players import Fakes, Players, Slice
from training.step import StepResult, absorb

G_RESOLUTIONS, D_RESOLUTIONS = [4, 8, 16, 32], [32, 16, 8]
PART = Slice(seed=0, step=0, first=0, size=4, shown=0)


@dataclass
class GoldenData:
    """Training data that always shows the golden reals."""

    images: torch.Tensor
    codes: torch.Tensor
    device: torch.device

    def reals(self, first: int, size: int):
        return self.images[:size].clone(), self.codes[:size]


class GoldenPlayers(Players):
    """Players whose latents are the golden ones, without mixing and with constant noise."""

    def fakes(self, part, purpose, size=None, *, observe=False):
        z, codes = self.golden_z[: size or part.size], self.golden_codes[: size or part.size]
        w = self.generator.mapping.styles(z, codes)
        ws = w[:, None].expand(-1, self.generator.mapping.num_ws, -1)
        images = self.generator.synthesis(ws, Noise(mode="const"))
        return Fakes(images=images, ws=ws, w_mean=w.detach().mean(dim=0), labels=codes)


@pytest.fixture(scope="module")
def golden(shared):
    return np.load(shared / "golden" / "sg2_loss_phases.npz", allow_pickle=False)


@pytest.fixture
def players(shared, golden):
    spec = ImageSpec(resolution=32, label_sets=(LabelSet(name="label", classes=tuple("abc")),))
    g = StyleGAN2GeneratorConfig(z_dim=64, w_dim=64, mapping_layers=2, channel_base=256, channel_max=24)
    d = StyleGAN2DiscriminatorConfig(channel_base=256, channel_max=24)
    generator, discriminator = g.build(spec), d.build(spec)
    g_arrays = np.load(shared / "golden" / "sg2_G_skip_cond.npz", allow_pickle=False)
    d_arrays = np.load(shared / "golden" / "sg2_D_resnet_cond.npz", allow_pickle=False)
    load_official(generator, golden_arrays(g_arrays, "sd/"), lambda name: generator_name(name, G_RESOLUTIONS))
    load_official(discriminator, golden_arrays(d_arrays, "sd/"), lambda name: discriminator_name(name, D_RESOLUTIONS))
    images = torch.from_numpy(np.load(shared / "golden" / "sg2_D_images.npz", allow_pickle=False)["img"])[4:8]
    data = GoldenData(images, torch.from_numpy(golden["real_c"]), torch.device("cpu"))
    players = GoldenPlayers(generator=generator, discriminator=discriminator, augment=None, data=data, style_mixing=0.0)
    players.golden_z = torch.from_numpy(golden["gen_z"])
    players.golden_codes = torch.from_numpy(golden["gen_c"])
    return players


def assert_gradients(network, golden, phase: str, rename) -> None:
    """Every golden gradient agrees; parameters without one are zero or unreached here too."""
    expected = {rename(name): array for name, array in golden_arrays(golden, f"{phase}/grad/").items()}
    assert expected
    largest = max(float(np.abs(array).max()) for array in expected.values())
    for name, parameter in network.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        array = expected.get(name, np.zeros(parameter.shape, np.float32))
        error = np.abs(gradient.numpy() - array).max()
        # A tensor that is itself rounding noise is measured against the phase's largest gradient.
        bound = max(1e-3 * np.abs(array).max(), 1e-6 * largest)
        assert error <= bound, f"{phase} {name}: {error:.3g} > {bound:.3g}"


def run(players, term, network, gain: int):
    for each in (players.generator, players.discriminator):
        each.requires_grad_(each is network)
        each.zero_grad(set_to_none=True)
    output = term(players, PART)
    (output.loss.mean() * gain).backward()
    return output


def take_over(players, output, path_mean) -> None:
    length = None if output.path_lengths is None else output.path_lengths.mean()
    result = StepResult(values={}, w_mean=output.w_mean, path_length=length)
    absorb(result, players.generator, 0.995, path_mean, 0.01)


def test_all_four_phases_agree_with_the_golden_numbers(players, golden, monkeypatch):
    generator, discriminator, mapping = players.generator, players.discriminator, players.generator.mapping
    path_mean = torch.tensor(0.25)
    raw = torch.from_numpy(golden["pl_noise_raw"])
    monkeypatch.setattr(path_length.torch, "randn", lambda *args, **options: raw)

    output = run(players, generator_logistic, generator, 1)
    assert_golden(output.loss, golden["Gmain/stat/Loss/G/loss"].reshape(-1))
    assert_gradients(generator, golden, "Gmain", lambda name: generator_name(name, G_RESOLUTIONS))
    take_over(players, output, path_mean)

    term = PathLength(PathLengthConfig(), path_mean)
    output = run(players, term, generator, 4)
    assert_golden(output.values["path_length/penalty"], golden["Greg/stat/Loss/pl_penalty"].reshape(-1), relative=1e-3)
    assert_gradients(generator, golden, "Greg", lambda name: generator_name(name, G_RESOLUTIONS))
    take_over(players, output, path_mean)
    assert_golden(path_mean, golden["pl_mean_after_Greg"])

    output = run(players, discriminator_logistic, discriminator, 1)
    assert_golden(output.loss, golden["Dmain/stat/Loss/D/loss"].reshape(-1))
    assert_golden(output.signs, golden["Dmain/stat/Loss/signs/real"].reshape(-1))
    assert_gradients(discriminator, golden, "Dmain", lambda name: discriminator_name(name, D_RESOLUTIONS))
    take_over(players, output, path_mean)
    # All four arrays of that name hold the value after the last update (three updates: 0.995³ of the first mean).
    assert_golden(mapping.w_mean, golden["Gmain/w_avg_after"])
    assert_golden(mapping.w_mean, golden["Dreg/w_avg_after"])

    output = run(players, R1(3.0), discriminator, 16)
    assert_golden(output.values["r1/penalty"], golden["Dreg/stat/Loss/r1_penalty"].reshape(-1), relative=1e-3)
    assert_gradients(discriminator, golden, "Dreg", lambda name: discriminator_name(name, D_RESOLUTIONS))
