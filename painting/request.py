"""What `paint.py paint` is asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py paint`; the fields are its options."""

    images: tuple[Path, ...] = ()
    network: Path | None = None
    seeds: str | None = None
    psi: float = 1.0
    classes: tuple[str, ...] = ()
    method: str = "ltp"
    agent: Path | None = None
    divide: int = 1
    refine: int = 0
    strokes: int | None = None
    size: int = 128
    brush: str | None = None
    content: str | None = None
    pyramid: float | None = None
    background: str | None = None
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
