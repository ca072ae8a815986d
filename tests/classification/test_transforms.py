"""What networks see: scale, crops, per-picture chance, upright faces."""

import pytest
import torch

from classification.config import AugmentConfig
from classification.inputs import PictureInputs, View
from classification.transforms import TrainingTransform, UprightTrivialAugment, centred, normalised, whole_square
from classification.weights import Weights

GREY = torch.full((2, 1, 40, 40), 51, dtype=torch.uint8)  # a fifth of 255


def test_the_scale_is_imagenets_and_grey_becomes_three_channels():
    seen = View(resize=36, size=32, weights=Weights()).plain(GREY)
    assert seen.shape == (2, 3, 32, 32)
    expected = [(0.2 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert seen[0, :, 5, 5].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_middle_is_cut_from_the_resized_picture():
    picture = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    picture[:, :, :4] = 255  # a rim that resizing to 32 leaves 2 pixels high
    assert centred(picture, 32, 32)[0, 0, 0, 0] == 255
    assert centred(picture, 32, 24).max() == 0


def test_a_picture_that_is_not_square_gives_its_middle():
    picture = torch.zeros(1, 3, 40, 80, dtype=torch.uint8)
    picture[..., :15] = 255
    assert whole_square(picture, 32).max() == 0
    assert whole_square(picture, 32).shape == (1, 3, 32, 32)


def test_every_picture_has_its_own_crop_and_a_seed_repeats_it():
    ramp = torch.arange(64, dtype=torch.uint8).expand(6, 3, 64, 64)
    transform = TrainingTransform(AugmentConfig(smallest_crop=0.2), 32)
    torch.manual_seed(3)
    first = transform(ramp)
    assert len({picture.numpy().tobytes() for picture in first}) == 6
    torch.manual_seed(3)
    assert torch.equal(transform(ramp), first)


def test_half_of_the_pictures_are_flipped_left_to_right_and_none_upside_down():
    torch.manual_seed(1)
    picture = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    picture[:, :, :16, :16] = 255  # bright above on the left
    found = TrainingTransform(AugmentConfig(smallest_crop=1), 32)(picture)
    left = (found[:, 0, 4, 4] == 255).sum().item()
    assert left + (found[:, 0, 4, 27] == 255).sum().item() == 200
    assert 70 < left < 130
    assert found[:, 0, 27].max() == 0


def test_policies_turn_faces_by_30_degrees_at_most():
    magnitudes, signed = UprightTrivialAugment._AUGMENTATION_SPACE["Rotate"]
    assert signed and magnitudes(31, 32, 32).max() == 30


@pytest.mark.parametrize("policy", ["trivial", "rand"])
def test_policies_keep_the_form(policy):
    torch.manual_seed(2)
    pictures = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    found = TrainingTransform(AugmentConfig(policy=policy), 24)(pictures)
    assert (found.shape, found.dtype) == ((8, 3, 24, 24), torch.uint8)


def test_inputs_without_augmentation_have_no_chance_in_them():
    pictures = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    inputs = PictureInputs(pictures, View(resize=18, size=16, weights=Weights()))
    assert torch.equal(inputs(torch.tensor([2])), inputs(torch.tensor([0, 2]))[1:])
    assert torch.allclose(normalised(pictures, (0,), (1,)).amax(), pictures.amax() / 255)
