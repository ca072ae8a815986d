"""Random views: the same for all pictures, within their ranges, differentiable."""

import math

import pytest
import torch
from torch.testing import assert_close

from painting.jitter import GREY, jittered, view_of


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_all_pictures_get_the_same_view():
    picture = torch.rand(3, 20, 30)
    one, same = jittered(torch.stack([picture, picture]), generator())
    assert one.shape == (3, 32, 42)
    assert torch.equal(one, same)
    assert torch.equal(one, jittered(picture[None], generator())[0])
    assert not torch.equal(one, jittered(picture[None], generator(1))[0])


def test_the_ground_is_grey_and_the_middle_the_picture():
    view = jittered(torch.full((1, 3, 40, 40), 0.9), generator(2))[0]
    assert_close(view[:, 0, 0], torch.full((3,), GREY))
    assert_close(view[:, 26, 26], torch.full((3,), 0.9))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 100)])
def test_views_are_scaled_turned_and_moved_within_nakanos_ranges(height, width):
    draws = generator(3)
    scales, turns, moves = [], [], []
    half = torch.tensor([[width / 2], [height / 2]])
    for _ in range(300):
        view = view_of(height, width, 12, draws)
        in_pixels = view[:, :2] * half / torch.tensor([(width + 12) / 2, (height + 12) / 2])
        assert_close(in_pixels @ in_pixels.T, torch.linalg.det(in_pixels) * torch.eye(2), atol=1e-5, rtol=0)
        scales.append(1 / torch.linalg.det(in_pixels).sqrt().item())
        turns.append(math.degrees(math.atan2(in_pixels[1, 0], in_pixels[0, 0])))
        moves.append((view[:, 2:] * half).abs().max().item())
    assert (min(scales), max(scales)) == pytest.approx((0.9, 1.1))
    assert (min(turns), max(turns)) == pytest.approx((-5, 4), abs=1e-3)
    assert 5 < max(moves) <= 4 + 2 * 1.2


def test_a_view_passes_gradients_on():
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    jittered(picture, generator()).sum().backward()
    assert picture.grad is not None
    assert picture.grad[0, :, 8, 8].min() > 0.5
