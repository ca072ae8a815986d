"""The painters' networks: shapes, the papers' numbers of weights, sizes."""

import pytest
import torch

from painting.brushes import BRUSHES
from painting.learned import gan, vae
from painting.learned.architectures import ARCHITECTURES
from painting.learned.brush import shape_columns
from painting.learned.learners import LEARNERS
from torch_utils.errors import ConfigError


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("arch", "brush", "size", "weights"),
    [
        ("fcn", "bezier", 128, 11_040_812),  # the paper's
        ("fcn", "pencil", 64, 709_164),
        ("gan", "pencil", 64, 726_465),
        ("vae", "pencil", 64, 4_475_841),
        ("geo", "pencil", 64, 2_833),
        ("geo", "bezier", 128, 2_833),
    ],
)
def test_numbers_of_weights(arch, brush, size, weights):
    assert count(ARCHITECTURES[arch].build(BRUSHES[brush], size).network) == weights


def test_the_critic_has_its_papers_convolutions():
    assert count(gan.Critic(9, 64)) == 16 * 17 + 9 * 16 + 16 + 32 * 257 + 64 * 513 + 128 * 1025 + 2 * 224 + 2049


@pytest.mark.parametrize(("arch", "size"), [("fcn", 40), ("fcn", 64), ("gan", 32), ("gan", 64), ("vae", 64)])
def test_pictures_have_the_size_asked_for(arch, size):
    network = ARCHITECTURES[arch].build(BRUSHES["ink"], size).network
    assert network(torch.rand(3, 9)).shape == (3, size, size)


def test_a_critic_says_one_number_a_picture_and_its_penalty_is_a_mean_over_pictures():
    critic = gan.Critic(9, 32)
    real, fake, numbers = torch.rand(4, 32, 32), torch.rand(4, 32, 32), torch.rand(4, 9)
    mix = torch.tensor([0.1, 0.4, 0.6, 0.9])
    assert critic(real, numbers).shape == (4,)
    together = gan.gradient_penalty(critic, real, fake, numbers, mix)
    alone = [gan.gradient_penalty(critic, *(part[i : i + 1] for part in (real, fake, numbers, mix))) for i in range(4)]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_the_divergence_of_a_code_is_free_up_to_half_a_nat_a_dimension():
    zeros = torch.zeros(2, vae.CODE)
    assert vae.divergence(zeros, zeros) == 32
    torch.testing.assert_close(vae.divergence(zeros + 2, zeros), torch.tensor(0.5 * 4 * 64))


def test_every_architecture_has_a_learner():
    assert set(LEARNERS) == set(ARCHITECTURES)


def test_colours_are_no_input():
    assert [len(shape_columns(brush)) for brush in BRUSHES.values()] == [10, 9, 9, 9]


@pytest.mark.parametrize(("arch", "size"), [("fcn", 60), ("fcn", 8), ("gan", 40), ("vae", 128), ("geo", 1024)])
def test_a_size_that_cannot_be_is_refused(arch, size):
    with pytest.raises(ConfigError, match=f"--size {size}: "):
        ARCHITECTURES[arch].check_size(size)
