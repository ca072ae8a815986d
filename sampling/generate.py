"""What generate.py does: read a request, sample, write a grid or single pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from networks.interface import NoiseMode
from networks.snapshot import LoadedGenerator, load_generator
from sampling.labels import class_names, labels_for_seeds
from sampling.pictures import check_psi, generate_pictures
from sampling.provenance import consecutive, provenance
from torch_utils.devices import pick_device
from torch_utils.errors import ConfigError
from torch_utils.images import grid as lay_out
from torch_utils.images import write_png
from torch_utils.labels import parse_choices
from torch_utils.log import note
from torch_utils.ops.native import OpsMode, load_ops

_MOST_SEEDS = 1_000_000
_MOST_DIGITS = 18  # of a seed: file names and Python's reader of numbers have bounds


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of generate.py; the fields are its options."""

    network: Path
    out: Path | None = None
    folder: Path | None = None
    seeds: str | None = None
    grid: str = "8x8"
    psi: float = 1.0
    cutoff: int | None = None
    classes: tuple[str, ...] = ()
    noise: NoiseMode = "const"
    batch: int = 32
    device: str = "auto"
    ops: OpsMode = "auto"


def generate(request: Request) -> Iterator[str]:
    """Sample as asked; yields a line for each file or folder written.

    Raises:
        ConfigError, SnapshotError: before anything is computed.
    """
    columns, rows, seeds = _checked(request)
    device = pick_device(request.device)
    load_ops(request.ops, device, note)
    loaded = load_generator(request.network, device)
    chosen = parse_choices(request.classes, loaded.info.image_spec.label_sets)
    labels = labels_for_seeds(loaded.info, seeds, chosen)
    in_grid = columns * rows if request.out is not None else 0
    shown_batches, start = [], 0
    for batch in _sample(loaded, seeds, labels, request):
        part = slice(start, start + len(batch))
        if request.folder is not None:
            _write_singles(batch, loaded, seeds[part], labels[part], request)
        shown_batches.append(batch[: max(0, in_grid - start)])
        start += len(batch)
    if request.folder is not None:
        yield f"{len(seeds)} pictures in {request.folder}"
    if request.out is not None:
        shown = torch.cat(shown_batches)
        words = dict(choice.split("=", 1) for choice in request.classes)
        text = _provenance(loaded, seeds[: len(shown)], words, request)
        layout = f"{columns}x{rows}" + (", uncurated" if consecutive(seeds) else "")
        write_png(request.out, lay_out(shown, columns), {**text, "grid": layout})
        yield f"{request.out}: {len(shown)} seeds, psi {request.psi:g}"


def _checked(request: Request) -> tuple[int, int, list[int]]:
    """Columns, rows and seeds, once all that needs no snapshot is known to be in order."""
    if request.out is None and request.folder is None:
        raise ConfigError("nothing to write. Give --out grid.png, --images FOLDER, or both.")
    if request.out is not None and request.out.suffix.lower() != ".png":
        raise ConfigError(f"--out {request.out}: not a PNG name. Use a name that ends in .png.")
    check_psi(request.psi)
    columns, rows = parse_grid(request.grid)
    seeds = parse_seeds(request.seeds) if request.seeds is not None else list(range(columns * rows))
    if request.out is not None and len(seeds) > columns * rows and request.folder is None:
        raise ConfigError(f"--seeds: {len(seeds)} seeds do not fit --grid {request.grid}. Use a larger grid.")
    return columns, rows, seeds


def _sample(loaded: LoadedGenerator, seeds: list[int], labels: Tensor, request: Request) -> Iterator[Tensor]:
    batches = generate_pictures(
        loaded.network,
        seeds,
        labels,
        psi=request.psi,
        cutoff=request.cutoff,
        noise=request.noise,
        batch=request.batch,
    )
    return (batch.cpu() for batch in batches)


def _write_singles(batch: Tensor, loaded: LoadedGenerator, seeds: list[int], labels: Tensor, request: Request) -> None:
    assert request.folder is not None
    for picture, seed, row in zip(batch, seeds, labels.tolist(), strict=True):
        text = _provenance(loaded, [seed], class_names(loaded.info, row), request)
        write_png(request.folder / f"seed{seed:06d}.png", picture, text)


def _provenance(loaded: LoadedGenerator, seeds: list[int], classes: dict[str, str], request: Request) -> dict[str, str]:
    return provenance(loaded, seeds, psi=request.psi, cutoff=request.cutoff, noise=request.noise, classes=classes)


def parse_seeds(text: str) -> list[int]:
    """ "0-3,7" → [0, 1, 2, 3, 7].

    Raises:
        ConfigError: not a list of numbers and ranges, a range that runs backwards, or more than a million.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _is_count(first) or (dash and not _is_count(last)):
            raise ConfigError(f"--seeds {text}: '{part}' is no number and no range. Use for example 0-63 or 1,5,9.")
        low, high = int(first), int(last) if dash else int(first)
        if high < low:
            raise ConfigError(f"--seeds {text}: {part} runs backwards. Use {high}-{low}.")
        if high - low + len(seeds) >= _MOST_SEEDS:
            raise ConfigError(f"--seeds {text}: more than {_MOST_SEEDS} seeds. Ask for fewer at a time.")
        seeds += range(low, high + 1)
    return seeds


def parse_grid(text: str) -> tuple[int, int]:
    """ "8x4" → (columns, rows).

    Raises:
        ConfigError: of another form, or a side that is 0 or more than 256.
    """
    columns, _, rows = text.lower().partition("x")
    if not all(_is_count(side) and 0 < int(side) <= 256 for side in (columns, rows)):
        raise ConfigError(f"--grid {text}: not of the form COLUMNSxROWS, each from 1 to 256. Use for example 8x8.")
    return int(columns), int(rows)


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS
