"""How close do learned painters come to a brush, and in how many seconds of one thread?

    python -m benchmarks.painters_cpu [--quick] [--sheets FOLDER]

Every architecture is trained with its quick options on strokes made on the fly, and measured on 128 strokes held out,
beside a blank canvas, the strokes' mean picture, the brush's own chance and the analytic brush. Speeds are strokes a
processor second at 64 pixels against the plain twin, the brush that lays dab after dab (or disc after disc). Prints a
table and writes benchmarks/results/painters_cpu.json (not with --quick).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks import record
from painting import raster
from painting.brushes import BRUSHES
from painting.brushes.brush import Brush
from painting.brushes.discs import stroke_opacity
from painting.brushes.stamping import stamp
from painting.brushes.tools import Tool
from painting.canvas import Canvas
from painting.learned.config import QUICK, PainterConfig
from painting.learned.drawing import Batch, draw
from painting.learned.state import TrainingState
from painting.learned.validation import HeldOut, error, held_out, sheet
from torch_utils.images import write_png
from torch_utils.memory import keep_freed_memory

CPU = torch.device("cpu")
SIDE = 64
ELSEWHERE = (32, 128, 256)  # sides of other canvases that painters which know no size are tried on
TASKS = (
    *(("geo", brush, "bce") for brush in BRUSHES),
    ("fcn", "pencil", "bce"),
    ("fcn", "bezier", "bce"),
    ("fcn", "pencil", "squared"),
    ("gan", "ink", "bce"),
    ("vae", "ink", "bce"),
)


def rate(work: Callable[[], Any], strokes: int, times: int) -> float:
    """Strokes a processor second, the best of several."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(strokes / (time.process_time() - started))
    return max(found)


def plainly(brush: Brush, batch: Batch) -> None:
    """Draw strokes as the plain twin does."""
    for index, stroke in enumerate(batch.strokes.numpy()):
        if isinstance(brush, Tool):
            stamp(brush, stroke, Canvas(SIDE, SIDE), np.random.default_rng(index))
        else:
            stroke_opacity(stroke, SIDE)


def analytic(brush: Brush, held: HeldOut, side: int) -> float:
    """Mean squared error of the analytic brush."""
    canvas = Canvas(side, side)
    found = raster.whole_canvas(*raster.opacities(brush, held.batch.strokes, canvas), canvas)
    return (found - held.batch.opacity).pow(2).mean().item()


def drawing(name: str, times: int) -> dict[str, Any]:
    """How fast strokes to learn from are made, and the plain twin makes them."""
    brush, count = BRUSHES[name], 32
    batch = draw(brush, count, SIDE, CPU, 0, "benchmark")
    plain = rate(lambda: plainly(brush, batch), count, times)
    quick = rate(lambda: draw(brush, count, SIDE, CPU, 0, "benchmark"), count, times)
    row = {"what": "drawing", "brush": name, "side": SIDE, "strokes_per_cpu_s": round(quick), "plain": round(plain)}
    return row | {"plain_ratio": round(quick / plain, 1)}


def training(config: PainterConfig, plain: float, sheets: Path | None) -> dict[str, Any]:
    """One painter trained: seconds, closeness, speed."""
    held, state = held_out(config, CPU), TrainingState(config, CPU)
    started = time.process_time()
    while not state.is_over:
        state.take_step()
    spent = time.process_time() - started
    mse, canvas = error(state.average, held.batch), Canvas(config.size, config.size)
    strokes = held.batch.strokes[:32]
    with torch.no_grad():
        speed = rate(lambda: state.average.whole(strokes, canvas), len(strokes), 5)
    if sheets:
        name = f"{config.arch}-{config.brush}-{config.loss}.png"
        write_png(sheets / name, sheet(state.average, held.batch), {"painter": config.arch, "brush": config.brush})
    errors = {"mse": mse, "blank": held.blank, "mean_picture": held.mean_picture, "chance": held.again / 2}
    errors["analytic"] = analytic(BRUSHES[config.brush], held, config.size)
    elsewhere = {}
    for side in ELSEWHERE if config.arch == "geo" else ():
        other = held_out(replace(config, size=side, held_out=48), CPU)
        elsewhere[str(side)] = round(error(state.average, other.batch) / other.blank, 4)
    return {
        "what": "training",
        **{name: getattr(config, name) for name in ("arch", "brush", "loss", "size", "steps", "batch")},
        "cpu_s": round(spent, 1),
        **{name: round(value, 6) for name, value in errors.items()},
        "of_blank": round(mse / held.blank, 4),
        "of_blank_at_other_sizes": elsewhere,
        "of_mean_picture": round(mse / held.mean_picture, 4),
        "strokes_per_cpu_s": round(speed),
        "plain_ratio": round(speed / plain, 1),
    }


@click.command()
@click.option("--quick", is_flag=True, help="One painter, a few steps; nothing is written.")
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for pictures of what was learned.")
def main(quick: bool, sheets: Path | None) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    keep_freed_memory()
    rows, plain = [], {}
    for name in ("pencil",) if quick else BRUSHES:
        rows.append(drawing(name, 1 if quick else 5))
        plain[name] = rows[-1]["plain"]
        speed, ratio = rows[-1]["strokes_per_cpu_s"], rows[-1]["plain_ratio"]
        print(f"drawing {name}: {speed} strokes a CPU-s, {ratio} times as many as the plain twin")
    for arch, brush, loss in (("geo", "pencil", "bce"),) if quick else TASKS:
        config = replace(QUICK[arch], brush=brush, loss=loss)
        row = training(replace(config, steps=3) if quick else config, plain[brush], sheets)
        print(
            f"{arch} {brush} {loss}: {row['cpu_s']} CPU-s, MSE {row['mse']:.5f}, {row['of_blank']:.1%} of blank, "
            f"{row['of_mean_picture']:.1%} of the mean picture, {row['plain_ratio']} x the plain twin's speed",
            flush=True,
        )
        rows.append(row)
    if not quick:
        path = record.write("painters_cpu", "python -m benchmarks.painters_cpu", 1, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
