import torch

from networks.growth import enlarge
from training.fade import faded


def test_whole_pictures_pass_unchanged():
    images = torch.randn(1, 3, 8, 8)
    assert faded(images, 0.0) is images


def test_a_doubling_to_come_makes_squares_of_equal_pixels():
    images = torch.randn(2, 3, 8, 8)
    coarse = faded(images, 1.0)
    means = images.unfold(2, 2, 2).unfold(3, 2, 2).mean([4, 5])
    torch.testing.assert_close(coarse, enlarge(means, 2))


def test_a_fade_mixes_the_two_resolutions_around_it():
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(faded(images, 1.25), faded(images, 1.0).lerp(faded(images, 2.0), 0.25))
