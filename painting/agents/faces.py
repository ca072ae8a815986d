"""The pictures an agent learns from, and those it is measured on."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dataset.archive import Archive
from painting.agents.policy import seen
from torch_utils import seeds as seeding
from torch_utils.errors import DataError

_AT_ONCE = 256


@dataclass(frozen=True)
class Faces:
    """Pictures in memory, uint8 [N, 3, size, size].

    Attributes:
        held: never learnt from.
        names: of the held ones, in the archive.
    """

    learnt: Tensor
    held: Tensor
    names: tuple[str, ...]

    def references(self, which: Tensor, mirrored: Tensor) -> Tensor:
        """RGB in 0…1, [len(which), 3, size, size]; `mirrored` says which are turned left to right."""
        pictures = self.learnt[which.to(self.learnt.device)].float() / 255
        return torch.where(mirrored.to(pictures.device)[:, None, None, None], pictures.flip(3), pictures)

    def to(self, device: torch.device) -> "Faces":
        return Faces(self.learnt.to(device), self.held.to(device), self.names)


def read_faces(archive: Archive, size: int, holdout: int, seed: int) -> Faces:
    """Read an archive, resized to `size` pixels; `holdout` pictures drawn by the seed are kept from learning.

    Raises:
        DataError: fewer than ten pictures, or a damaged one.
    """
    if len(archive) < 10:
        raise DataError(f"{archive.path}: {len(archive)} pictures are too few to learn from. Give at least 10.")
    order = torch.randperm(len(archive), generator=seeding.generator(seed, "held out")).numpy()
    count = min(holdout, len(archive) // 10)
    held, learnt = np.sort(order[:count]), np.sort(order[count:])
    names = tuple(archive.names[index] for index in held)
    return Faces(_read(archive, learnt, size), _read(archive, held, size), names)


def _read(archive: Archive, indices: np.ndarray, size: int) -> Tensor:
    parts = []
    for start in range(0, len(indices), _AT_ONCE):
        pictures = archive.load(indices[start : start + _AT_ONCE]).expand(-1, 3, -1, -1)
        if archive.resolution != size:
            pictures = (seen(pictures.float() / 255, size) * 255).round().to(torch.uint8)
        parts.append(pictures)
    return torch.cat(parts).contiguous()
