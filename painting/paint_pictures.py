"""What `paint.py paint` does: read references, paint each, write what was painted, whole or interrupted."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from painting.colours import palette
from painting.commission import Commission, commissioned
from painting.constraints import Constraints
from painting.export.outputs import Output, parse_outputs, write_outputs
from painting.measured import metrics
from painting.quality import compare
from painting.references import Reference, picture_files, read_picture
from painting.request import Request
from painting.strokes import Header, StrokeSet, write_strokes
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.files import storage_error, write_text
from torch_utils.interrupts import SAVE, Interrupts


@dataclass(frozen=True)
class Painted:
    """A painting, whether the painter came to its end, how many strokes it had planned, and how long it took."""

    painting: StrokeSet
    whole: bool
    planned: int
    cpu_seconds: float


def paint_pictures(request: Request, say: Callable[[str], None]) -> int:
    """Paint as asked; says a line for each painting. The exit status: 0, or that of the signal that ended it early.

    Raises:
        UserError: before anything is painted.
    """
    commission, outputs = commissioned(request), parse_outputs(request.to)
    references = _references(request)
    _make_folder(request.outdir)
    torch.set_num_threads(request.threads)  # waiting threads cost more than they gain where a machine is shared
    with Interrupts() as asked:
        for reference in references:
            painted = _paint(reference, commission, request, lambda: asked.take() > SAVE)
            folder = request.outdir / reference.name
            if len(painted.painting.strokes):
                say(_write(painted, reference, folder, outputs, commission, request))
            if asked.take() > SAVE:
                return asked.take()
    return 0


def _references(request: Request) -> Iterable[Reference]:
    if bool(request.images) == (request.network is not None):
        raise ConfigError("nothing to paint, or two things. Give either pictures or --network SNAPSHOT with --seeds.")
    if request.network is not None:
        from painting.generated import generated  # networks take seconds to import

        return generated(request.network, request.seeds or "0", psi=request.psi, classes=request.classes)
    if request.seeds is not None or request.classes:
        raise ConfigError(
            "--seeds and --class choose what a network generates. Add --network SNAPSHOT, or leave them out."
        )
    files = picture_files(request.images)
    for file in files:
        read_picture(file)  # a slip is told before the first painting
    return map(read_picture, files)


def _make_folder(folder: Path) -> None:
    """Raise a StorageError now rather than after the first painting."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _paint(reference: Reference, commission: Commission, request: Request, stop: Callable[[], bool]) -> Painted:
    """Paint one reference until it is done or one is asked to stop."""
    picture = reference.at(request.size)
    painter = commission.painter(picture, request.seed, _constraints(request, picture))
    whole, started = False, time.process_time()
    with tqdm(desc=reference.name, unit="step", disable=not sys.stderr.isatty(), leave=False) as bar:
        for progress in painter.run():
            bar.total = progress.steps
            bar.set_postfix_str(f"{progress.strokes} strokes, loss {progress.loss:.4f}", refresh=False)
            bar.update()
            if stop():
                break
        else:
            whole = True
    header = Header(
        brush=commission.plan.brush,
        height=painter.canvas.height,
        width=painter.canvas.width,
        background=commission.background,
        cap=commission.plan.cap,
        about={"method": request.method, "seed": str(request.seed)} | commission.about | reference.about,
    )
    painting = StrokeSet(header, painter.strokes).rounded()
    return Painted(painting, whole, commission.plan.strokes, time.process_time() - started)


def _constraints(request: Request, picture: Tensor) -> Constraints:
    colours = None
    if request.palette is not None:
        colours = palette(request.palette, picture, seeding.generator(request.seed, "palette"))
    return Constraints(opaque=request.opaque, mono=request.mono, palette=colours)


def _write(
    painted: Painted, reference: Reference, folder: Path, outputs: list[str], commission: Commission, request: Request
) -> str:
    """Strokes and metrics always, then what was asked for; gives a line to say."""
    painting = painted.painting
    write_strokes(folder / "strokes.json", painting)
    picture = reference.at(request.size)
    measured = metrics(painting, picture)
    if commission.learned:
        seen = painting.paint(brush=commission.learned.brush)
        measured["mse_by_painter"] = round(compare(seen, picture)["mse"], 6)
    told = {
        "reference": reference.name,
        "complete": painted.whole,
        "cpu_seconds": round(painted.cpu_seconds, 2),
        "content": commission.content.told if commission.content else None,
        **measured,
        "options": {name: _plain(value) for name, value in asdict(request).items()},
    }
    write_text(folder / "metrics.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_outputs(Output(painting, painting.header.canvas.scaled(request.out_size), folder, reference.picture), outputs)
    cut = "" if painted.whole else f" of {painted.planned}, interrupted"
    return (
        f"{folder}: {len(painting.strokes)} strokes{cut}, "
        f"MSE {measured['mse']:.4f}, PSNR {measured['psnr']:.1f} dB, SSIM {measured['ssim']:.3f}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
