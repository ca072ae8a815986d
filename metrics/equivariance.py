"""How well a generator's pictures move with its input: EQ-T by whole pixels, EQ-T_frac by parts of them, EQ-R turned.

A picture is drawn twice from the same styles: once as it is and then moved by resampling, and once by the generator
with its input moved. EQ is the ratio of the two's mean squared difference to the range of a picture, in dB:
10 log10(2² / mean), the mean being over pictures, moves and the pixels that `Motion.pair` gives. Higher is better.

Source: Karras et al. 2021 (StyleGAN3), section 2 and appendix E. As there, shifts are uniform over ±1/8 of the side and
angles over the whole circle. See `metrics.motions` for what differs: the filters, and for rotations the frequencies.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.fakes import evaluation_seeds
from metrics.metric import Value
from metrics.motions import Motion, Rotation, Shift, WholeShift
from metrics.progress import watched
from networks.interface import Generator, Noise
from networks.snapshot_info import SnapshotInfo
from sampling.labels import labels_for_seeds
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.labels import encode

NOISE = "const"  # the same noise in both pictures, if there is any
_RANGE = 2.0  # of pictures in [-1, 1]
_MOST_SHIFT = 1 / 8  # of the picture's side
_MOVES, _MOST_SHARING = 1000, 16
_LEAST_DIFFERENCE = 2.0**-24  # what fp32 can tell from 1: no EQ is above 150.5 dB


@dataclass(frozen=True, kw_only=True)
class EquivarianceMetric:
    """draw(random source, resolution) → a move.

    smallest: side of the smallest pictures of which enough is left after every move.
    """

    display_name: str
    draw: Callable[[torch.Generator, int], Motion]
    smallest: int
    default_samples: int = 1_000
    fewest: int = 1


@torch.no_grad()
def measure(
    metric: EquivarianceMetric,
    generator: Generator,
    info: SnapshotInfo,
    count: int,
    *,
    seed: int = 0,
    psi: float = 1.0,
    batch: int = 32,
) -> Value:
    """EQ in dB over `count` pictures: those of the seeds that are evaluated for other metrics too.

    A generator holds one move at a time, so pictures computed together share it: each has its own up to 1,999
    pictures, above that as many share one as leave a thousand moves, at most 16. The batch changes rounding only.

    Raises:
        SnapshotError: the pictures are not finite.
    """
    share = max(1, min(_MOST_SHARING, count // _MOVES))
    sums, values = 0.0, 0
    differences = _differences(metric, generator, info, count, share=share, seed=seed, psi=psi, batch=batch)
    for difference in watched(differences, count, metric.display_name):
        sums += difference.square().sum().item()
        values += difference.numel()
    if not math.isfinite(sums):
        raise SnapshotError(
            f"{metric.display_name}: the pictures hold numbers that are not finite. Use another snapshot."
        )
    mean = max(sums / values, _LEAST_DIFFERENCE**2)
    return Value(value=10 * math.log10(_RANGE**2 / mean), details={"moves": math.ceil(count / share)})


def check_movable(metric: EquivarianceMetric, name: str, generator: Generator) -> None:
    """Raise a ConfigError for a generator whose EQ is undefined, or whose pictures are too small for it."""
    side = generator.image_spec.resolution
    if side < metric.smallest:
        raise ConfigError(
            f"--metrics {name}: pictures of {side} pixels are too small for it. Use {metric.smallest} or more."
        )
    try:
        with generator.transformed(torch.eye(3)):
            pass
    except ConfigError as error:
        raise ConfigError(f"--metrics {name}: undefined for this network. {error}") from None


def is_equivariance(plain_name: str) -> bool:
    """Whether a score of this name ("eq_t1k") is an EQ: of those, higher ones are better."""
    return plain_name.startswith("eq_")


def _differences(
    metric: EquivarianceMetric,
    generator: Generator,
    info: SnapshotInfo,
    count: int,
    *,
    share: int,
    seed: int,
    psi: float,
    batch: int,
) -> Iterator[Tensor]:
    """Picture moved minus picture of the moved generator, [n, C, pixels]; `share` pictures to a move."""
    seeds = evaluation_seeds(seed, count)
    labels = labels_for_seeds(info, seeds)
    resolution = generator.image_spec.resolution
    for first in range(0, count, share):
        motion = metric.draw(seeding.generator(seed, "equivariance", metric.display_name, first), resolution)
        matrix = motion.matrix(resolution)
        end = min(first + share, count)
        for start in range(first, end, batch):
            part = slice(start, min(start + batch, end))
            ws = _styles(generator, seeds[part], labels[part], psi)
            still = generator.synthesis(ws, Noise(mode=NOISE))
            with generator.transformed(matrix):
                moved = generator.synthesis(ws, Noise(mode=NOISE))
            resampled, drawn = motion.pair(still, moved)
            yield resampled - drawn


def _styles(generator: Generator, seeds: range, labels: Tensor, psi: float) -> Tensor:
    device, label_sets = next(generator.parameters()).device, generator.image_spec.label_sets
    z = seeding.latents(seeds, generator.z_dim).to(device)
    codes = encode(labels, label_sets).to(device) if label_sets else None
    return generator.mapping(z, codes, psi=psi)


def _shift(source: torch.Generator, resolution: int) -> tuple[float, float]:
    """Right and down, in pixels."""
    right, down = ((2 * torch.rand(2, generator=source, dtype=torch.float64) - 1) * _MOST_SHIFT * resolution).tolist()
    return right, down


def _draw_whole(source: torch.Generator, resolution: int) -> Motion:
    right, down = _shift(source, resolution)
    return WholeShift(round(right), round(down))


def _draw_parts(source: torch.Generator, resolution: int) -> Motion:
    return Shift(*_shift(source, resolution))


def _draw_turn(source: torch.Generator, resolution: int) -> Motion:
    return Rotation(2 * math.pi * torch.rand((), generator=source, dtype=torch.float64).item())


METRICS = {
    "eq_t": EquivarianceMetric(display_name="EQ-T", draw=_draw_whole, smallest=4),
    "eq_t_frac": EquivarianceMetric(display_name="EQ-T_frac", draw=_draw_parts, smallest=8),
    "eq_r": EquivarianceMetric(display_name="EQ-R", draw=_draw_turn, smallest=32),
}
