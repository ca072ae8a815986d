"""What `paint.py eval` does: a table of paintings and their means, or two runs compared face by face."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from painting.measured import PARTS
from painting.paired import Difference, Spread, paired, spread
from painting.references import check_size
from painting.scores import Score, scores_of
from torch_utils.errors import DataError
from torch_utils.files import write_text
from torch_utils.text import printable

MEASURES = {"mse": True, "psnr": False, "ssim": False}  # whether less is better
_FORMATS = {"mse": ".5f", "psnr": ".2f", "ssim": ".3f", "strokes": ".0f"}
_NAMES = {"mse": "MSE", "psnr": "PSNR, dB", "ssim": "SSIM"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py eval`; the fields are its options."""

    folders: tuple[Path, ...]
    refs: Path | None = None
    size: int | None = None
    out: Path | None = None


def evaluate(request: Request) -> Iterator[str]:
    """Score, write eval.json or compared.json; yields the lines of a table.

    Raises:
        UserError: folders that cannot be scored or compared, before anything is written.
    """
    if request.size is not None:
        check_size(request.size, "--size")
    if not 1 <= len(request.folders) <= 2:
        raise DataError(f"{len(request.folders)} folders: one is scored, two are compared. Give one or two.")
    runs = [scores_of(folder, request.refs, request.size) for folder in request.folders]
    told: dict[str, Any] = {
        "measured": "when painted" if request.refs is None else f"against {request.refs}",
        "runs": [_run(folder, scores) for folder, scores in zip(request.folders, runs, strict=True)],
    }
    if len(runs) == 1:
        lines = list(_table(runs[0]))
    else:
        pairs, alone = _pairs(request.folders, runs)
        differences = {name: _difference(name, pairs) for name in MEASURES}
        told["compared"] = [first.name for first, _ in pairs]
        told["second_less_first"] = {name: asdict(difference) for name, difference in differences.items()}
        lines = list(_comparison(request.folders, pairs, differences, alone))
    out = request.out or request.folders[0] / ("eval.json" if len(runs) == 1 else "compared.json")
    write_text(out, json.dumps(_finite(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    yield from lines
    yield f"{out}: written"


def _run(folder: Path, scores: Sequence[Score]) -> dict[str, Any]:
    names = [*MEASURES, *(["strokes"] if scores[0].strokes is not None else [])]
    course = {f"{part:.0%}": asdict(spread(values)) for part, values in zip(PARTS, _courses(scores), strict=False)}
    return {
        "folder": str(folder),
        "paintings": len(scores),
        "means": {name: asdict(_spread(name, scores)) for name in names},
        "mse_after_share_of_strokes": course,
        "each": [asdict(score) for score in scores],
    }


def _table(scores: Sequence[Score]) -> Iterator[str]:
    """A row a painting, then means and standard deviations."""
    width = max(12, *(len(printable(score.name)) for score in scores))
    painted = scores[0].strokes is not None
    head = f"{'':{width}}  strokes" if painted else f"{'':{width}}"
    after = f"   MSE after {' / '.join(f'{part:.0%}' for part in PARTS)} of the strokes" if painted else ""
    yield f"{head}      MSE  PSNR, dB   SSIM{after}"
    for score in scores:
        row = {"strokes": float(score.strokes or 0), "mse": score.mse, "psnr": score.psnr, "ssim": score.ssim}
        cut = "" if score.complete else "   interrupted"
        yield _row(printable(score.name), width, row, score.course, painted) + cut
    names = [*MEASURES, *(["strokes"] if painted else [])]
    spreads = {name: _spread(name, scores) for name in names}
    courses = [spread(values) for values in _courses(scores)]
    means = {name: found.mean for name, found in spreads.items()}
    yield _row(f"mean of {len(scores)}", width, means, [found.mean for found in courses], painted)
    if len(scores) > 1:
        deviations = {name: found.deviation for name, found in spreads.items()}
        yield _row("deviation", width, deviations, [found.deviation for found in courses], painted)


def _row(name: str, width: int, values: dict[str, float], course: Sequence[float], painted: bool) -> str:
    strokes = f"  {values['strokes']:7.0f}" if painted else ""
    after = "   " + " / ".join(f"{value:.4f}" for value in course) if painted else ""
    return f"{name:{width}}{strokes}  {values['mse']:7.5f}  {values['psnr']:8.2f}  {values['ssim']:5.3f}{after}"


def _pairs(folders: Sequence[Path], runs: Sequence[list[Score]]) -> tuple[list[tuple[Score, Score]], list[str]]:
    """Scores of the same name, and lines on those without a fellow.

    Raises:
        DataError: no name in both, or canvases of different sizes.
    """
    first, second = ({score.name: score for score in scores} for scores in runs)
    names = [name for name in first if name in second]
    if not names:
        raise DataError(f"{folders[1]}: no painting of a name that {folders[0]} has. Paint the same pictures.")
    for name in names:
        own, other = first[name].canvas, second[name].canvas
        if own != other:
            raise DataError(
                f"{folders[1]}: '{name}' was measured at {other.width}x{other.height}, in {folders[0]} at "
                f"{own.width}x{own.height}. Add --refs FOLDER --size {min(own.unit, other.unit)} to measure both alike."
            )
    alone = [
        f"{folder}: {len(scores) - len(names)} without a fellow, left out"
        for folder, scores in zip(folders, runs, strict=True)
        if len(scores) > len(names)
    ]
    return [(first[name], second[name]) for name in names], alone


def _difference(name: str, pairs: Sequence[tuple[Score, Score]]) -> Difference:
    first, second = ([getattr(pair[index], name) for pair in pairs] for index in (0, 1))
    return paired(first, second, less_is_better=MEASURES[name])


def _comparison(
    folders: Sequence[Path],
    pairs: Sequence[tuple[Score, Score]],
    differences: dict[str, Difference],
    alone: Sequence[str],
) -> Iterator[str]:
    yield f"first:  {folders[0]}"
    yield f"second: {folders[1]}"
    yield from alone
    yield f"{len(pairs)} faces      first    second   second - first (95 %)           second better on"
    for name, difference in differences.items():
        form = _FORMATS[name]
        means = [_spread(name, [pair[index] for pair in pairs]).mean for index in (0, 1)]
        between = "" if math.isnan(difference.low) else f" ({difference.low:+{form}} to {difference.high:+{form}})"
        told = f"{difference.mean:+{form}}{between}"
        better = f"{difference.second_better} of {difference.faces}"
        ties = f", {difference.ties} alike" if difference.ties else ""
        yield f"{_NAMES[name]:9} {means[0]:9{form}} {means[1]:9{form}}   {told:33} {better}{ties}"


def _spread(name: str, scores: Sequence[Score]) -> Spread:
    return spread([getattr(score, name) for score in scores])


def _courses(scores: Sequence[Score]) -> list[tuple[float, ...]]:
    """MSE after each of PARTS of the strokes, over the paintings."""
    return list(zip(*(score.course for score in scores), strict=True))


def _finite(value: Any) -> Any:
    """JSON has no word for infinity: null stands for it."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
