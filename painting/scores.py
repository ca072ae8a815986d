"""How close paintings in a folder are to their references: read from what was measured, or measured anew."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from painting.canvas import Canvas
from painting.measured import metrics, part_counts
from painting.quality import compare
from painting.references import picture_files, read_picture
from painting.strokes import read_strokes
from torch_utils.errors import DataError

USUAL_SIZE = 128  # shorter side at which pictures are compared, in pixels
_BY_HAND = "Give --refs FOLDER with the references, to measure it anew."


@dataclass(frozen=True, kw_only=True)
class Score:
    """One painting, or one picture.

    Attributes:
        canvas: the size at which it was compared.
        strokes: how many, or None for a picture.
        course: MSE after each of PARTS of the strokes; empty for a picture.
        complete: false for a painting that was interrupted.
    """

    name: str
    canvas: Canvas
    mse: float
    psnr: float
    ssim: float
    strokes: int | None = None
    course: tuple[float, ...] = ()
    complete: bool = True


def scores_of(folder: Path, refs: Path | None, size: int | None) -> list[Score]:
    """Scores of all paintings (folders with a strokes.json) or else of all pictures in a folder, by name.

    Args:
        refs: references, by the names of the paintings; without them, what was measured when they were painted.
        size: shorter side to compare at; by default that of each painting's canvas, or USUAL_SIZE.
    Raises:
        DataError: nothing to score, no reference for it, or a file that is not in order.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Give one that paint.py paint wrote, or one of pictures.")
    paintings = sorted(path.parent for path in folder.glob("*/strokes.json"))
    if (folder / "strokes.json").is_file():
        paintings.append(folder)
    if paintings and refs is None:
        if size is not None:
            raise DataError(f"--size {size}: paintings are measured at another size only anew. Add --refs FOLDER.")
        return [_as_painted(painting) for painting in paintings]
    files = {} if paintings else {path.stem: path for path in picture_files([folder])}
    if refs is None:
        raise DataError(f"{folder}: holds pictures and no strokes.json. Add --refs FOLDER with their references.")
    references = {path.stem: path for path in picture_files([refs])}
    names = [painting.resolve().name for painting in paintings] or list(files)
    _check_all_there(names, references, refs)
    if paintings:
        return [_anew(painting, references[name], size) for name, painting in zip(names, paintings, strict=True)]
    return [_of_pictures(path, references[name], size or USUAL_SIZE) for name, path in files.items()]


def _check_all_there(names: Sequence[str], references: dict[str, Path], refs: Path) -> None:
    missing = [name for name in names if name not in references]
    if missing:
        raise DataError(
            f"{refs}: no picture for {len(missing)} of {len(names)}, first '{missing[0]}'. "
            "Give a folder with references of the same names."
        )


def _as_painted(folder: Path) -> Score:
    path = folder / "metrics.json"
    try:
        told = json.loads(path.read_bytes())
        course = told["mse_after_strokes"]
        strokes = int(told["strokes"])
        return Score(
            name=folder.resolve().name,
            canvas=read_strokes(folder / "strokes.json").header.canvas,
            strokes=strokes,
            course=tuple(float(course[str(count)]) for count in part_counts(strokes)),
            complete=bool(told["complete"]),
            **{name: float(told[name]) for name in ("mse", "psnr", "ssim")},
        )
    except OSError as error:
        raise DataError(f"{path}: not readable ({error.strerror}). {_BY_HAND}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{path}: does not say what paint.py paint measured ({error!r}). {_BY_HAND}") from error


def _anew(folder: Path, reference: Path, size: int | None) -> Score:
    painting, picture = read_strokes(folder / "strokes.json"), read_picture(reference)
    canvas = painting.header.canvas.scaled(size or painting.header.canvas.unit)
    wanted = picture.at(canvas.unit)
    _check_shape(folder, canvas, reference, Canvas(*wanted.shape[1:]))
    if not len(painting.strokes):
        raise DataError(f"{folder / 'strokes.json'}: holds no stroke. Paint it again, or remove it.")
    found: dict[str, Any] = metrics(painting, wanted, canvas)
    course = found.pop("mse_after_strokes")
    counts = part_counts(len(painting.strokes))
    return Score(
        name=folder.resolve().name,
        canvas=canvas,
        course=tuple(course[str(count)] for count in counts),
        complete=_complete(folder),
        **found,
    )


def _complete(folder: Path) -> bool:
    """What metrics.json says, if it is there; strokes alone are as good as any."""
    try:
        return bool(json.loads((folder / "metrics.json").read_bytes())["complete"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return True


def _of_pictures(path: Path, reference: Path, size: int) -> Score:
    found, wanted = (read_picture(file).at(size) for file in (path, reference))
    canvas = Canvas(*found.shape[1:])
    _check_shape(path, canvas, reference, Canvas(*wanted.shape[1:]))
    close = compare(found, wanted)
    return Score(name=path.stem, canvas=canvas, mse=close["mse"], psnr=close["psnr"], ssim=close["ssim"])


def _check_shape(path: Path, own: Canvas, reference: Path, wanted: Canvas) -> None:
    if own != wanted:
        raise DataError(
            f"{path}: {own.width}x{own.height} where its reference {reference} is {wanted.width}x{wanted.height}. "
            "Give references of the same shape."
        )
