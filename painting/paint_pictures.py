"""What `paint.py paint` does: read references, paint each, write what was painted, whole or interrupted."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from painting.brushes import brush_named
from painting.colours import check_palette, palette, parse_colour
from painting.constraints import Constraints
from painting.export.outputs import Output, parse_outputs, write_outputs
from painting.learned.snapshot import LoadedPainter, load_painter
from painting.methods import METHODS, MOST_STROKES, STROKES
from painting.optimise import Painter, Plan
from painting.quality import compare
from painting.references import Reference, check_size, picture_files, read_picture
from painting.strokes import Header, StrokeSet, write_strokes
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.files import storage_error, write_text
from torch_utils.interrupts import SAVE, Interrupts

_PARTS = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the strokes, whose canvases are measured


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py paint`; the fields are its options."""

    images: tuple[Path, ...] = ()
    network: Path | None = None
    seeds: str | None = None
    psi: float = 1.0
    classes: tuple[str, ...] = ()
    method: str = "ltp"
    strokes: int | None = None
    size: int = 128
    brush: str | None = None
    background: str = "white"
    palette: str | None = None
    mono: bool = False
    opaque: bool = False
    cap: float | None = None
    painter: Path | None = None
    seed: int = 0
    outdir: Path = Path("out")
    to: str = "final,sheet,gif,svg"
    out_size: int = 512
    threads: int = 1


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
    plan, outputs = _plan(request), parse_outputs(request.to)
    learned = _learned(request, plan)
    references = _references(request)
    _make_folder(request.outdir)
    torch.set_num_threads(request.threads)  # waiting threads cost more than they gain where a machine is shared
    with Interrupts() as asked:
        for reference in references:
            painted = _paint(reference, plan, learned, request, lambda: asked.take() > SAVE)
            folder = request.outdir / reference.name
            if len(painted.painting.strokes):
                say(_write(painted, reference, folder, outputs, request, learned))
            if asked.take() > SAVE:
                return asked.take()
    return 0


def _plan(request: Request) -> Plan:
    """The method's plan with the user's changes, checked."""
    if request.method not in METHODS:
        raise ConfigError(f"--method {request.method}: no such method. Use one of {', '.join(METHODS)}.")
    strokes = STROKES[request.method] if request.strokes is None else request.strokes
    if not 1 <= strokes <= MOST_STROKES:
        raise ConfigError(f"--strokes {strokes}: from 1 to {MOST_STROKES} can be painted. Use for example 100.")
    check_size(request.size, "--size")
    check_size(request.out_size, "--out-size")
    parse_colour(request.background, "--background")
    if request.palette is not None:
        check_palette(request.palette)
    plan = METHODS[request.method](strokes)
    if request.brush is not None:
        plan = replace(plan, brush=brush_named(request.brush).name)
    if request.cap is not None:
        if not 0 < request.cap <= 1:
            raise ConfigError(f"--cap {request.cap}: not above 0 and at most 1. Use 1 for none.")
        plan = replace(plan, cap=request.cap)
    return plan


def _learned(request: Request, plan: Plan) -> LoadedPainter | None:
    """The painter to paint through, if one is asked for."""
    if request.painter is None:
        return None
    painter = load_painter(request.painter)
    if painter.info.brush != plan.brush:
        raise ConfigError(
            f"--painter {request.painter}: draws {painter.info.brush}, but {plan.brush} is painted with. "
            f"Add --brush {painter.info.brush}, or use a painter of {plan.brush}."
        )
    return painter


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


def _paint(
    reference: Reference, plan: Plan, learned: LoadedPainter | None, request: Request, stop: Callable[[], bool]
) -> Painted:
    """Paint one reference until it is done or one is asked to stop."""
    picture = reference.at(request.size)
    background = parse_colour(request.background, "--background")
    constraints, brush = _constraints(request, picture), learned.brush if learned else None
    painter = Painter(plan, picture, torch.tensor(background), request.seed, constraints, brush)
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
    about = {"method": request.method, "seed": str(request.seed)} | reference.about
    about |= learned.about if learned else {}
    canvas = painter.canvas
    header = Header(
        brush=plan.brush, height=canvas.height, width=canvas.width, background=background, cap=plan.cap, about=about
    )
    return Painted(StrokeSet(header, painter.strokes).rounded(), whole, plan.strokes, time.process_time() - started)


def _constraints(request: Request, picture: Tensor) -> Constraints:
    colours = None
    if request.palette is not None:
        colours = palette(request.palette, picture, seeding.generator(request.seed, "palette"))
    return Constraints(opaque=request.opaque, mono=request.mono, palette=colours)


def _write(
    painted: Painted,
    reference: Reference,
    folder: Path,
    outputs: list[str],
    request: Request,
    learned: LoadedPainter | None,
) -> str:
    """Strokes and metrics always, then what was asked for; gives a line to say."""
    painting = painted.painting
    write_strokes(folder / "strokes.json", painting)
    picture = reference.at(request.size)
    measured = metrics(painting, picture)
    if learned:
        seen = painting.paint(brush=learned.brush)
        measured["mse_by_painter"] = round(compare(seen, picture)["mse"], 6)
    told = {
        "reference": reference.name,
        "complete": painted.whole,
        "cpu_seconds": round(painted.cpu_seconds, 2),
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


def metrics(painting: StrokeSet, reference: Tensor) -> dict[str, Any]:
    """Strokes, MSE, PSNR and SSIM of a painting, and MSE in its course.

    Args:
        reference: RGB in 0…1, of the size of the painting's canvas, [3, H, W].
    """
    total = len(painting.strokes)
    counts = sorted({max(1, round(part * total)) for part in _PARTS})
    canvases = list(painting.canvases(counts))
    course = {
        str(count): round(compare(canvas, reference)["mse"], 6) for count, canvas in zip(counts, canvases, strict=True)
    }
    found = {name: round(value, 6) for name, value in compare(canvases[-1], reference).items()}
    return {"strokes": total, **found, "mse_after_strokes": course}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
