import torch

from training.blur import blurred


def test_no_blur_leaves_pictures_alone():
    images = torch.randn(1, 3, 8, 8)
    assert blurred(images, 0.0) is images


def test_a_point_becomes_a_gaussian_of_the_asked_deviation():
    point = torch.zeros(1, 1, 33, 33)
    point[0, 0, 16, 16] = 1
    spread = blurred(point, 2.0)[0, 0]
    place = torch.arange(33.0) - 16
    assert abs(spread.sum() - 1) < 1e-5
    assert abs((spread.sum(0) * place.square()).sum().sqrt() - 2) < 0.05
    torch.testing.assert_close(spread, spread.t())


def test_a_narrow_gaussian_blurs_too():
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    spread = blurred(point, 0.5)[0, 0]  # reaches one pixel
    beside = torch.exp(torch.tensor(-2.0))
    torch.testing.assert_close(spread[4, 3] / spread[4, 4], beside)
    assert spread[4, 2] == 0
