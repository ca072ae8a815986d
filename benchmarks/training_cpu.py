"""How many pictures a second do G, D and a whole training iteration make on this CPU?

    python -m benchmarks.training_cpu [--threads 2] [--quick]

As the scripts run: compiled ops where they can be built, freed memory kept. An iteration counts every step by its
period: path length every 4th batch, R1 every 16th. Medians of several rounds, all rows in turn. Prints a table and
writes benchmarks/results/training_cpu.json (not with --quick).
"""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import click
import torch

from benchmarks import record
from benchmarks.iterations import iteration_rounds, seconds_of, training_state
from networks.interface import ImageSpec, Noise
from torch_utils.config import with_options
from torch_utils.memory import keep_freed_memory
from torch_utils.ops.native import load_ops
from training.config import DataConfig, TrainConfig
from training.presets import resolve
from training.state import TrainingState

CPU = torch.device("cpu")
ROUNDS = 5


class Row(NamedTuple):
    """What is measured: networks of a preset; batches of the forward passes and of the iteration (None: none)."""

    preset: str
    resolution: int
    base: int
    most: int
    batch: int
    batch_trained: int | None


ROWS = [
    Row("auto", 64, 1024, 64, 16, 16),
    Row("auto", 64, 16384, 512, 4, None),
    Row("auto", 256, 1024, 64, 4, 8),
    Row("auto", 256, 16384, 512, 1, None),
    Row("stylegan1", 64, 1024, 64, 16, 16),
    Row("stylegan3-t", 64, 1024, 64, 16, 16),
    Row("stylegan3-r", 64, 1024, 64, 16, 16),
]


def options(row: Row) -> TrainConfig:
    """The preset with narrow networks (R's as narrow as T's), whole from the start."""
    batch = row.batch_trained or row.batch
    config = resolve(row.preset, data=DataConfig(path="none"), resolution=row.resolution, gpus=0, batch=batch)
    changes: list[tuple[str, object]] = [("augment.strength.kind", "none"), ("growth.progressive", False)]
    changes += [("generator.mapping_layers", 2)]
    for network in ("generator", "discriminator"):
        changes += [(f"{network}.channel_base", row.base), (f"{network}.channel_max", row.most)]
    return with_options(config, changes)


def forward_g(row: Row) -> Callable[[], object]:
    """One forward pass of a generator with two mapping layers."""
    config = options(row).generator
    generator = config.build(ImageSpec(resolution=row.resolution)).eval().requires_grad_(False)
    z, noise = torch.randn(row.batch, config.z_dim), Noise(mode="const")
    return lambda: generator(z, noise=noise)


def forward_d(row: Row) -> Callable[[], object]:
    """One forward pass of a discriminator."""
    discriminator = options(row).discriminator.build(ImageSpec(resolution=row.resolution)).eval().requires_grad_(False)
    images = torch.randn(row.batch, 3, row.resolution, row.resolution)
    return lambda: discriminator(images)


def narrow_training(row: Row) -> TrainingState:
    """A training with short latents."""
    config = with_options(options(row), [("generator.z_dim", 64), ("generator.w_dim", 64)])
    return training_state(config, row.resolution, CPU)


def measure(quick: bool) -> list[dict[str, Any]]:
    """All rows."""
    rows, rounds = [], 1 if quick else ROUNDS
    for row in ROWS[:1] if quick else ROWS:
        for name, make in (("G forward", forward_g), ("D forward", forward_d)):
            body = make(row)
            with torch.inference_mode():
                body()
                times = [seconds_of(body, CPU) for _ in range(rounds)]
            rows.append(_result(name, row, row.batch, times))
        if row.batch_trained:
            times = iteration_rounds(narrow_training(row), rounds, CPU)
            rows.append(_result("training iteration", row, row.batch_trained, times))
    return rows


def _result(name: str, row: Row, batch: int, times: list[float]) -> dict[str, Any]:
    median = statistics.median(times)
    return {
        "preset": row.preset,
        "what": name,
        "resolution": row.resolution,
        "channel_base": row.base,
        "channel_max": row.most,
        "batch": batch,
        "seconds": round(median, 5),
        "pictures_per_s": round(batch / median, 2),
        "rounds": len(times),
    }


@click.command()
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--quick", is_flag=True, help="One round of the smallest rows; nothing is written.")
def main(threads: int, quick: bool) -> None:
    """Measure, print, write."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()
    load_ops("auto", CPU, print)
    rows = measure(quick)
    print(f"{'preset':12} {'what':20} {'pixels':>6} {'base':>6} {'batch':>5} {'ms a picture':>13} {'pictures/s':>11}")
    for row in rows:
        each = 1000 * row["seconds"] / row["batch"]
        print(
            f"{row['preset']:12} {row['what']:20} {row['resolution']:6} {row['channel_base']:6} {row['batch']:5} "
            f"{each:13.2f} {row['pictures_per_s']:11.2f}"
        )
    if not quick:
        path = record.write("training_cpu", f"python -m benchmarks.training_cpu --threads {threads}", threads, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
