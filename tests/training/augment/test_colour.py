import pytest
import torch

from torch_utils.errors import ConfigError
from training.augment.colour import Colour, apply_colour
from training.augment.draws import Draws

COUNT = 4000
STILL = {"brightness_std": 0.0, "contrast_std": 0.0, "luma_flip": False, "hue": 0.0, "saturation_std": 0.0}


def matrices(p: float = 1.0, count: int = COUNT, **changed) -> torch.Tensor:
    return Colour(**{**STILL, **changed}).draw(count, p, Draws(torch.Generator().manual_seed(1)))


def colours(*rgb: float) -> torch.Tensor:
    return torch.tensor(rgb).reshape(1, 3, 1, 1)


def test_nothing_drawn_leaves_the_pictures_bit_for_bit():
    x = torch.randn(4, 3, 5, 6)
    assert torch.equal(apply_colour(x, Colour().draw(4, 0.0, Draws(torch.Generator()))), x)


def test_brightness_shifts_all_channels_by_the_stated_deviation():
    y = apply_colour(torch.zeros(COUNT, 3, 1, 1), matrices(brightness_std=0.2))
    assert torch.equal(y[:, 0], y[:, 2])
    assert abs(y.std() - 0.2) < 0.01


def test_contrast_multiplies_by_the_stated_power_of_two():
    y = apply_colour(torch.ones(COUNT, 3, 1, 1), matrices(contrast_std=0.5))
    assert abs(y.log2().std() - 0.5) < 0.02


def test_the_luma_flip_turns_grey_round_and_keeps_hue():
    flipped = matrices(count=16, luma_flip=True)[:, :, :3]
    flip = flipped[(flipped != torch.eye(3)).any(1).any(1)][0]
    torch.testing.assert_close(flip @ torch.ones(3), -torch.ones(3))
    side = torch.tensor([1.0, -1.0, 0.0])  # no grey in it
    torch.testing.assert_close(flip @ side, side)


def test_half_of_the_pictures_that_pass_the_gate_are_luma_flipped():
    flipped = matrices(0.5, luma_flip=True)[:, 0, 0] < 0.9
    assert abs(flipped.float().mean() - 0.25) < 0.03


def test_hue_keeps_grey_and_length():
    turns = matrices(hue=180.0)[:, :, :3]
    torch.testing.assert_close(turns @ torch.ones(3), torch.ones(COUNT, 3))
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(COUNT, 3, 3), rtol=0, atol=1e-5)


def test_hue_turns_no_further_than_its_limit():
    trace = matrices(hue=18.0)[:, :, :3].diagonal(dim1=1, dim2=2).sum(1)
    angle = torch.rad2deg(((trace - 1) / 2).clamp(max=1).acos())
    assert 17 < angle.max() < 18.1


def test_saturation_keeps_grey_and_scales_the_rest():
    drawn = matrices(saturation_std=1.0)[:, :, :3]
    torch.testing.assert_close(drawn @ torch.ones(3), torch.ones(COUNT, 3), rtol=0, atol=1e-5)
    assert abs((drawn @ torch.tensor([1.0, -1.0, 0.0]))[:, 0].log2().std() - 1) < 0.05


def test_a_grey_picture_changes_as_its_colour_twin():
    x, drawn = torch.randn(4, 1, 5, 5), Colour().draw(4, 1.0, Draws(torch.Generator().manual_seed(2)))
    twin = apply_colour(x.expand(4, 3, 5, 5), drawn).mean(1, keepdim=True)
    torch.testing.assert_close(apply_colour(x, drawn), twin, rtol=1e-4, atol=1e-5)


def test_pictures_with_alpha_are_refused():
    with pytest.raises(ConfigError, match="augment.pipe: colour changes need 1 or 3 channels, not 4. Use bg or none."):
        apply_colour(torch.zeros(1, 4, 2, 2), matrices(count=1))
