"""How many pictures a second does training make on this GPU, with the compiled ops and with the plain ones?

    python -m benchmarks.training_gpu

Presets as they are (half precision, their batch on one GPU) with augmentation at p = 0.2, growing networks whole. An
iteration counts every step by its period. The plain rows come first, in the same process. Medians; prints a table and
writes benchmarks/results/training_gpu.json. Needs a GPU; ends with 2 where there is none.
"""

import statistics
import sys
from typing import Any, NamedTuple

import torch

from benchmarks import record
from benchmarks.iterations import iteration_rounds, training_state
from torch_utils.config import with_options
from torch_utils.devices import set_precision
from torch_utils.ops.native import load_ops
from training.config import DataConfig, TrainConfig
from training.presets import resolve

ROUNDS = 3
BODIES = ("plain", "compiled")


class Row(NamedTuple):
    """A preset at a resolution; batch: None for the preset's own on one GPU."""

    preset: str
    resolution: int
    batch: int | None = None


ROWS = [
    Row("auto", 64, 32),
    Row("auto", 256, 32),
    Row("stylegan1", 256, 16),
    Row("stylegan3-t", 256, 16),
    Row("stylegan3-r", 256, 16),
]


def options(row: Row) -> TrainConfig:
    """The preset for one GPU, whole from the start, augmenting one picture in five."""
    config = resolve(row.preset, data=DataConfig(path="none"), resolution=row.resolution, gpus=1, batch=row.batch)
    return with_options(config, [("augment.strength.kind", "fixed"), ("growth.progressive", False)])


def measure(row: Row, device: torch.device, rounds: int = ROUNDS) -> dict[str, Any]:
    """One row with the bodies that are loaded."""
    config = options(row)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    median = statistics.median(iteration_rounds(training_state(config, row.resolution, device), rounds, device))
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    batch = config.schedule.batch_size
    return {
        "preset": row.preset,
        "resolution": row.resolution,
        "batch": batch,
        "batch_gpu": config.schedule.batch_gpu,
        "seconds": round(median, 5),
        "pictures_per_s": round(batch / median, 1),
        "s_per_kimg": round(1000 * median / batch, 2),
        "gib": round(memory / 2**30, 2),
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each preset and resolution: plain, compiled, how many times faster."""
    lines = [f"{'preset':12} {'pixels':>6} {'batch':>5} {'plain s/kimg':>13} {'compiled':>9} {'faster':>7} {'GiB':>12}"]
    for plain in (row for row in rows if row["bodies"] == "plain"):
        key = (plain["preset"], plain["resolution"])
        fast = next(r for r in rows if r["bodies"] == "compiled" and (r["preset"], r["resolution"]) == key)
        lines.append(
            f"{key[0]:12} {key[1]:6} {plain['batch']:5} {plain['s_per_kimg']:13.2f} {fast['s_per_kimg']:9.2f} "
            f"{plain['seconds'] / fast['seconds']:6.2f}x {plain['gib']:5.1f} → {fast['gib']:.1f}"
        )
    return lines


def main() -> None:
    """Measure, print, write."""
    if not torch.cuda.is_available():
        print("training_gpu: needs a CUDA device, and torch sees none here. Nothing was measured.", file=sys.stderr)
        sys.exit(2)
    device = torch.device("cuda")
    set_precision()
    torch.manual_seed(0)
    rows = []
    for bodies in BODIES:
        if bodies == "compiled":
            load_ops("cuda", device, print)
        for row in ROWS:
            rows.append({"bodies": bodies, **measure(row, device)})
            print(rows[-1], flush=True)
    print("\n".join(table(rows)))
    path = record.write("training_gpu", "python -m benchmarks.training_gpu", torch.get_num_threads(), rows)
    print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
