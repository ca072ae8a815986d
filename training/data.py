"""The training pictures in memory, as uint8, on the GPU when they fit; slices of them as the steps need them."""

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from dataset.archive import Archive
from dataset.sampler import Sampler
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.images import to_float
from torch_utils.labels import LabelSet, encode
from training.config import DataConfig

_GPU_SHARE = 0.25  # of its free memory: the networks and their gradients need the rest


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """All pictures [N, C, R, R] uint8, their class indices [N, sets], and the walk through them."""

    pictures: Tensor
    labels: Tensor
    label_sets: tuple[LabelSet, ...]
    sampler: Sampler
    device: torch.device

    @property
    def resolution(self) -> int:
        """Pixels a side."""
        return self.pictures.shape[-1]

    def reals(self, first: int, size: int) -> tuple[Tensor, Tensor | None]:
        """Pictures number first … of the run, float [size, C, R, R], and their label codes on the training device."""
        indices, flipped = self.sampler.at(first, size)
        where = torch.from_numpy(indices).to(self.pictures.device)
        pictures = self.pictures[where].to(self.device, non_blocking=True)
        images = to_float(pictures)
        flips = torch.from_numpy(flipped).to(self.device)[:, None, None, None]
        images = torch.where(flips, images.flip(3), images) if flipped.any() else images
        return images, self._codes(self.labels[torch.from_numpy(indices)])

    def random_codes(self, size: int, generator: torch.Generator) -> Tensor | None:
        """Label codes of `size` pictures drawn at random, so that fakes are asked for what the data holds."""
        if not self.label_sets:
            return None
        return self._codes(self.labels[torch.randint(len(self.labels), [size], generator=generator)])

    def label_counts(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """How many pictures carry each combination of class indices, most frequent first."""
        counts = Counter(tuple(row) for row in self.labels.tolist())
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def first_pictures(self, count: int, seed: int) -> Tensor:
        """`count` pictures drawn at random without flips, uint8, for reals.png."""
        order = torch.randperm(len(self.pictures), generator=seeding.generator(seed, "reals"))
        return self.pictures[order[:count].to(self.pictures.device)].cpu()

    def _codes(self, indices: Tensor) -> Tensor | None:
        return encode(indices, self.label_sets).to(self.device) if self.label_sets else None


def load_training_data(
    archive: Archive, config: DataConfig, seed: int, device: torch.device, threads: int = 2
) -> TrainingData:
    """Decode the chosen split into memory.

    Raises:
        ConfigError: a label set the archive lacks. DataError: an unknown split or a damaged picture.
    """
    columns = [_column(archive, name) for name in config.label_sets]
    indices = archive.indices(config.split)
    if len(indices) == 0:
        raise ConfigError(f"--split {config.split}: no picture in {archive.path.name}. Choose another split.")
    pictures = archive.load(indices, threads)
    if device.type == "cuda" and pictures.nbytes < _GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        pictures = pictures.to(device)
    return TrainingData(
        pictures=pictures,
        labels=archive.labels[torch.from_numpy(indices)][:, columns],
        label_sets=tuple(archive.label_sets[column] for column in columns),
        sampler=Sampler(len(indices), seed=seed, mirror=config.mirror),
        device=device,
    )


def _column(archive: Archive, name: str) -> int:
    names = [label_set.name for label_set in archive.label_sets]
    if name not in names:
        there = ", ".join(names) or "none"
        raise ConfigError(f"--cond {name}: no such label set in {archive.path.name} (label sets: {there}).")
    return names.index(name)
