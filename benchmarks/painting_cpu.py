"""How fast and how close do the painters paint on one thread? The rasteriser against its plain twin, and faces painted.

    python -m benchmarks.painting_cpu [--data kaokore-v1.3-train.zip] [--faces 16] [--quick]

Faces are those of benchmarks/painting_faces.txt from a zip of KaoKore's pictures, or drawn ones without --data. Times
are processor seconds of one thread. Prints a table and writes benchmarks/results/painting_cpu.json (not with --quick).
"""

import io
import statistics
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks import record
from dataset.demo import draw_faces
from painting import plain, raster
from painting.brushes import brush_named
from painting.brushes.brush import Brush
from painting.canvas import Canvas
from painting.measured import metrics
from painting.methods import METHODS
from painting.optimise import Painter
from painting.references import Reference
from painting.strokes import Header, StrokeSet
from torch_utils.memory import keep_freed_memory

WHITE = torch.ones(3)
SIDE = 128
TASKS = (("ltp", 40), ("ltp", 100), ("ltp", 200), ("ist", 600))
SECONDS = {  # bars of the specification, processor seconds: for a raster row by side, for a face by method and strokes
    64: ("P4", 0.1),
    128: ("P4", 0.3),
    ("ltp", 40): ("P5", 6.0),
    ("ltp", 100): ("P6", 15.0),
    ("ltp", 200): ("P7", 45.0),
    ("ist", 600): ("P8", 15.0),
}
TWIN_STROKES = 40  # of a painting, painted by the plain twin too: it keeps 30 MB for each
LIST = Path(__file__).with_name("painting_faces.txt")


def faces(data: Path | None, count: int) -> list[Reference]:
    """The listed faces of a KaoKore zip, or drawn ones."""
    if data is None:
        drawn = draw_faces(count, 256)
        return [Reference(f"drawn {index}", face.picture) for index, face in enumerate(drawn)]
    with zipfile.ZipFile(data) as pictures:
        by_name = {Path(name).name: name for name in pictures.namelist()}
        names = LIST.read_text(encoding="utf-8").split()[:count]
        opened = [Image.open(io.BytesIO(pictures.read(by_name[name]))).convert("RGB") for name in names]
    return [Reference(name, np.asarray(picture)) for name, picture in zip(names, opened, strict=True)]


def seconds(work: Callable[[], Any], times: int) -> float:
    """Processor seconds, the least of several."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def rasteriser(side: int, times: int) -> dict[str, Any]:
    """100 strokes there and back, and as the plain twin does it."""
    brush, canvas = brush_named("bezier"), Canvas(side, side)
    strokes = torch.rand(100, 13, generator=torch.Generator().manual_seed(0))

    quick, ratio = against_twin(brush, strokes, canvas, times)
    return {"what": "raster", "side": side, "strokes": 100, "cpu_s": round(quick, 4), "plain_ratio": ratio} | told(
        side, quick
    )


def against_twin(brush: Brush, strokes: Tensor, canvas: Canvas, times: int) -> tuple[float, float]:
    """Seconds of these strokes there and back, and how many times as long the plain twin takes."""

    def there_and_back(paint: Callable[[Tensor], Tensor]) -> None:
        paint(strokes.clone().requires_grad_()).pow(2).sum().backward()

    quick = seconds(lambda: there_and_back(lambda leaf: raster.paint(brush, leaf, WHITE, canvas)), times)
    slow = seconds(lambda: there_and_back(lambda leaf: plain.paint(brush, leaf, WHITE, canvas)), max(1, times // 3))
    return quick, round(slow / quick, 1)


def told(what: int | tuple[str, int], spent: float) -> dict[str, Any]:
    """The bar of the specification that these seconds are held against, if there is one, and whether they meet it."""
    if what not in SECONDS:
        return {}
    bar, most = SECONDS[what]
    return {"bar": bar, "most_s": most, "met": spent <= most}


def painted(face: Reference, method: str, strokes: int) -> tuple[dict[str, Any], Painter]:
    """One face painted: seconds, closeness, and its course; and its painter."""
    picture, plan = face.at(SIDE), METHODS[method](strokes)
    painter = Painter(plan, picture, WHITE, 0)
    started = time.process_time()
    for _ in painter.run():
        pass
    spent = time.process_time() - started
    header = Header(brush=plan.brush, height=painter.canvas.height, width=painter.canvas.width, cap=plan.cap)
    found = metrics(StrokeSet(header, painter.strokes).rounded(), picture)
    row = {"what": "painting", "method": method, "face": face.name, "cpu_s": round(spent, 2), **found}
    return row, painter


def twin_row(method: str, strokes: int, painter: Painter, times: int) -> dict[str, Any]:
    """Some strokes of a painting there and back, against the plain twin."""
    some = painter.strokes[:: max(1, strokes // TWIN_STROKES)][:TWIN_STROKES]
    quick, ratio = against_twin(painter.brush, some, painter.canvas, times)
    return {
        "what": "strokes of a painting",
        "method": method,
        "of": strokes,
        "strokes": len(some),
        "cpu_s": round(quick, 4),
        "plain_ratio": ratio,
    }


def summary(method: str, strokes: int, rows: list[dict[str, Any]]) -> str:
    """Means over faces in one line."""

    def mean(name: str) -> float:
        return statistics.mean(row[name] for row in rows)

    course = zip(*(row["mse_after_strokes"].values() for row in rows), strict=True)
    after = " ".join(f"{statistics.mean(values):.4f}" for values in course)
    worst = min(row["psnr"] for row in rows)
    held = told((method, strokes), mean("cpu_s"))
    bar = f"; {held['bar']}: {held['most_s']:.0f} s {'met' if held['met'] else 'MISSED'}" if held else ""
    return (
        f"{method} {strokes:4}: {mean('cpu_s'):6.2f} s, MSE {mean('mse'):.4f}, PSNR {mean('psnr'):.1f} "
        f"(least {worst:.1f}) dB, SSIM {mean('ssim'):.3f}, MSE at 10/25/50/75/100 %: {after}{bar}"
    )


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Zip of KaoKore's pictures. Default: drawn faces.")
@click.option("--faces", "count", default=16, show_default=True, type=click.IntRange(1, 16))
@click.option("--quick", is_flag=True, help="One drawn face, few strokes; nothing is written.")
def main(data: Path | None, count: int, quick: bool) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = [rasteriser(side, 1 if quick else 9) for side in ((32,) if quick else (32, 64, 128))]
    for row in rows:
        bar = f"; {row['bar']}: {row['most_s']} s {'met' if row['met'] else 'MISSED'}" if "bar" in row else ""
        print(
            f"raster, 100 strokes there and back at {row['side']}: {row['cpu_s']} s, "
            f"plain {row['plain_ratio']} times{bar}"
        )
    chosen = faces(None, 1) if quick else faces(data, count)
    for method, strokes in (("ltp", 5),) if quick else TASKS:
        found = [painted(face, method, strokes) for face in chosen]
        own = [row for row, _ in found]
        rows += own
        rows.append(twin_row(method, strokes, found[0][1], 1 if quick else 6))
        print(f"{summary(method, strokes, own)}; plain twin {rows[-1]['plain_ratio']} times", flush=True)
    if not quick:
        command = "python -m benchmarks.painting_cpu" + (f" --data {data.name}" if data else "") + f" --faces {count}"
        path = record.write("painting_cpu", command, 1, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
