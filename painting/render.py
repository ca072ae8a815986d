"""What `paint.py render` does: strokes of a file at another size, in another form."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from painting.export.outputs import Output, parse_outputs, write_outputs
from painting.references import check_size
from painting.strokes import read_strokes


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py render`; the fields are its options."""

    strokes: Path
    size: int = 1024
    to: str = "final"
    outdir: Path | None = None


def render(request: Request) -> Iterator[str]:
    """Draw a painting again; yields a line for the folder written.

    Raises:
        UserError: a size, an output or a file that is not in order, before anything is written.
    """
    check_size(request.size, "--size")
    outputs = parse_outputs(request.to)
    painting = read_strokes(request.strokes)
    folder = request.outdir or request.strokes.parent / f"size-{request.size}"
    canvas = painting.header.canvas.scaled(request.size)
    write_outputs(Output(painting, canvas, folder), outputs)
    yield f"{folder}: {len(painting.strokes)} strokes at {canvas.width}x{canvas.height} pixels, {', '.join(outputs)}"
