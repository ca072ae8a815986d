import pytest
import torch

from training.augment.draws import Draws


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed))


def test_the_same_seed_draws_the_same_numbers():
    one, two = draws(3), draws(3)
    for name in ("uniform", "normal", "half_normal"):
        assert torch.equal(getattr(one, name)(4, 2), getattr(two, name)(4, 2))


def test_another_seed_draws_other_numbers():
    assert not torch.equal(draws(3).normal(4), draws(4).normal(4))


def test_a_gate_opens_with_its_probability():
    assert abs(draws().gate(0.3, 20_000).float().mean() - 0.3) < 0.01
    assert draws().gate(1.0, 1000).all()
    assert not draws().gate(0.0, 1000).any()


def test_half_normal_numbers_have_no_sign():
    sizes = draws().half_normal(20_000)
    assert sizes.min() >= 0
    assert abs(sizes.square().mean() - 1) < 0.03


def test_noise_has_the_type_and_shape_of_the_images():
    noise = draws().pixels(torch.zeros(2, 3, 5, 6, dtype=torch.float64))
    assert noise.shape == (2, 3, 5, 6)
    assert noise.dtype == torch.float64


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_noise_for_images_elsewhere_is_drawn_there():
    images = torch.zeros(1, 3, 4, 4, device="cuda")
    noise = draws().pixels(images)
    assert noise.device == images.device
    assert torch.equal(noise, draws().pixels(images))
