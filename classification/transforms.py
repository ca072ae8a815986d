"""Pictures to what a network sees: torchvision's v2 transforms, on batches in memory.

A v2 transform draws once for all it is given, so what is random is drawn picture by picture; the rest is done on
whole batches.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as vision

from classification.config import AugmentConfig

_MOST_TURN = 30.0


class UprightTrivialAugment(v2.TrivialAugmentWide):
    """TrivialAugment (Müller and Hutter 2021) with turns of up to 30 degrees instead of 135: faces stay upright."""

    _AUGMENTATION_SPACE: ClassVar = {
        **v2.TrivialAugmentWide._AUGMENTATION_SPACE,
        "Rotate": (lambda num_bins, height, width: torch.linspace(0, _MOST_TURN, num_bins), True),
    }


class TrainingTransform:
    """Random crops to `size` (RandomResizedCrop), flips, and a policy if one is asked for.

    Draws from torch's global random state, as torchvision does.
    """

    def __init__(self, augment: AugmentConfig, size: int):
        steps: list[torch.nn.Module] = [v2.RandomResizedCrop(size, scale=(augment.smallest_crop, 1), antialias=True)]
        if augment.flip:
            steps.append(v2.RandomHorizontalFlip())
        if augment.policy != "none":
            steps.append(UprightTrivialAugment() if augment.policy == "trivial" else v2.RandAugment())
        self._steps = v2.Compose(steps)

    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] → uint8 [N, 3, size, size]."""
        return torch.stack([self._steps(picture) for picture in pictures])


def centred(pictures: Tensor, resize: int, size: int) -> Tensor:
    """Resized to `resize` and cut from the middle: uint8 [N, 3, H, W] → uint8 [N, 3, size, size]."""
    if pictures.shape[-1] != resize or pictures.shape[-2] != resize:
        pictures = vision.resize(pictures, [resize, resize], antialias=True)
    return vision.center_crop(pictures, [size, size])


def normalised(pictures: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 → float32, each channel less its mean over its deviation (both of pictures in [0, 1])."""
    return vision.normalize(vision.to_dtype(pictures, torch.float32, scale=True), list(mean), list(std))


def whole_square(picture: Tensor, side: int) -> Tensor:
    """The largest centred square of a picture, resized: uint8 [N, C, H, W] → uint8 [N, C, side, side]."""
    square = vision.center_crop(picture, [min(picture.shape[-2:])] * 2)
    return vision.resize(square, [side, side], antialias=True)
