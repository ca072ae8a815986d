"""What is fed to what is trained: pictures through transforms, or features that were computed once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from classification.config import AugmentConfig
from classification.transforms import TrainingTransform, centred, normalised
from classification.weights import Weights


@dataclass(frozen=True, kw_only=True)
class View:
    """How a network sees pictures: sides in pixels and the scale its weights ask for."""

    resize: int
    size: int
    weights: Weights

    def plain(self, pictures: Tensor) -> Tensor:
        """uint8 [N, C, H, W] → float32 [N, 3, size, size], without chance; grey is repeated to three channels."""
        return self.scaled(centred(pictures.expand(-1, 3, -1, -1), self.resize, self.size))

    def scaled(self, pictures: Tensor) -> Tensor:
        """uint8 → float32, as the weights ask for it."""
        return normalised(pictures, self.weights.mean, self.weights.std)


class PictureInputs:
    """Pictures in memory, uint8 [N, C, H, W]; with `augment`, varied anew each time they are asked for."""

    def __init__(self, pictures: Tensor, view: View, augment: AugmentConfig | None = None):
        self._pictures, self._view = pictures, view
        self._transform = TrainingTransform(augment, view.size) if augment else None

    def __len__(self) -> int:
        return len(self._pictures)

    def __call__(self, rows: Tensor) -> Tensor:
        """float32 [len(rows), 3, size, size]."""
        chosen = self._pictures[rows.to(self._pictures.device)]
        if self._transform is None:
            return self._view.plain(chosen)
        return self._view.scaled(self._transform(chosen.expand(-1, 3, -1, -1)))


class FeatureInputs:
    """Features computed once, float32 [N, D]."""

    def __init__(self, features: Tensor):
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def __call__(self, rows: Tensor) -> Tensor:
        """float32 [len(rows), D]."""
        return self._features[rows.to(self._features.device)]


Inputs = PictureInputs | FeatureInputs


def batches(count: int, size: int) -> list[Tensor]:
    """Row numbers 0 … count-1, `size` at a time."""
    return list(torch.arange(count).split(size)) if count else []
