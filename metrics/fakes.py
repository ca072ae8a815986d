"""The generated pictures a score is of: a function of the seed, the same from evaluate.py and during training."""

from collections.abc import Iterator

from torch import Tensor

from networks.interface import Generator
from networks.snapshot import SnapshotInfo
from sampling.labels import labels_for_seeds
from sampling.pictures import generate_pictures
from torch_utils import seeds as seeding

NOISE = "random"


def evaluation_seeds(seed: int, count: int) -> range:
    """The pictures' own seeds, far from those of grids and from those of another evaluation seed."""
    first = seeding.derive(seed, "evaluation") % 2**40
    return range(first, first + count)


def evaluation_pictures(
    network: Generator, info: SnapshotInfo, count: int, *, seed: int = 0, psi: float = 1.0, batch: int = 32
) -> Iterator[Tensor]:
    """Yield `count` pictures, uint8 [n, C, R, R]; labels as often as in the training data, new noise for each picture.

    The first pictures are the same whatever the count and the batch.
    """
    seeds = evaluation_seeds(seed, count)
    labels = labels_for_seeds(info, seeds)
    return generate_pictures(network, seeds, labels, psi=psi, noise=NOISE, batch=batch)
