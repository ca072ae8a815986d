"""What a painting is written as: the choices of `--to`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from painting.canvas import Canvas
from painting.export.animation import write_gif, write_mp4
from painting.export.frames import to_picture
from painting.export.sheet import sheet
from painting.export.svg import svg
from painting.strokes import StrokeSet
from torch_utils.errors import ConfigError
from torch_utils.files import write_text
from torch_utils.images import write_png
from torch_utils.version import PROJECT_VERSION


@dataclass(frozen=True)
class Output:
    """A painting on its way to files.

    Attributes:
        canvas: the size to draw it at.
        reference: uint8 [H, W, 3], for the sheet, or None.
    """

    painting: StrokeSet
    canvas: Canvas
    folder: Path
    reference: np.ndarray | None = None

    @property
    def text(self) -> dict[str, str]:
        """Text chunks of its PNG files."""
        about = {"Software": f"kaokore-stylegan {PROJECT_VERSION}", "strokes": str(len(self.painting.strokes))}
        return about | self.painting.header.about


def _final(output: Output) -> None:
    write_png(output.folder / "final.png", to_picture(output.painting.paint(output.canvas)), output.text)


def _sheet(output: Output) -> None:
    write_png(output.folder / "sheet.png", sheet(output.painting, output.reference), output.text)


def _steps(output: Output) -> None:
    """A picture after each stroke; those of an earlier, longer painting in the same folder go."""
    folder = output.folder / "steps"
    for old in folder.glob("step-[0-9]*.png"):
        old.unlink()
    counts = range(1, len(output.painting.strokes) + 1)
    for count, canvas in zip(counts, output.painting.canvases(counts, output.canvas), strict=True):
        write_png(folder / f"step-{count:04d}.png", to_picture(canvas), output.text | {"strokes": str(count)})


def _gif(output: Output) -> None:
    write_gif(output.folder / "painting.gif", output.painting, output.canvas)


def _mp4(output: Output) -> None:
    write_mp4(output.folder / "painting.mp4", output.painting, output.canvas)


def _svg(output: Output) -> None:
    write_text(output.folder / "painting.svg", svg(output.painting))


WRITERS: dict[str, Callable[[Output], None]] = {
    "final": _final,
    "sheet": _sheet,
    "gif": _gif,
    "mp4": _mp4,
    "svg": _svg,
    "steps": _steps,
}


def parse_outputs(text: str) -> list[str]:
    """ "final,gif" → ["final", "gif"]; "all" is every one.

    Raises:
        ConfigError: an output there is not.
    """
    if text == "all":
        return list(WRITERS)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in WRITERS:
            raise ConfigError(f"--to {text}: no output '{name}'. Use some of {','.join(WRITERS)}, or all.")
    return names


def write_outputs(output: Output, names: Sequence[str]) -> None:
    """Write each of these outputs into the folder."""
    for name in names:
        WRITERS[name](output)
