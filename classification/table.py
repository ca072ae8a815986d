"""What classify.py table does: models × labels × presets × splits × seeds, each trained and scored once, then a table.

Every cell is a run folder of its own; the same command goes on where it stopped, and writes the table after each cell.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from classification.checkpoint import NAME as CHECKPOINT
from classification.config import ClassifierConfig, SplitBy
from classification.evaluate import PREDICTIONS, RESULT, evaluate, majority_share, write_evaluation
from classification.models import check_model, check_size, input_size
from classification.options import TrainFlags, config_of
from classification.run import train
from classification.snapshot import load_classifier
from classification.splits import check_classes, divide, label_set_of
from classification.table_rows import Row, row_of
from classification.table_text import as_json, as_markdown
from dataset.archive import Archive
from torch_utils.errors import DataError
from torch_utils.files import write_text
from torch_utils.same_run import CONFIG, check_same

MARKDOWN, JSON = "table.md", "table.json"


@dataclass(frozen=True, kw_only=True)
class TableRequest:
    """A command line of classify.py table."""

    data: Path
    models: Sequence[str]
    labels: Sequence[str]
    presets: Sequence[str] = ("paper", "modern")
    splits: Sequence[SplitBy] = ("official", "book")
    seeds: int = 3
    weights: str = "imagenet"
    size: int | None = None
    epochs: int | None = None
    batch: int | None = None
    settings: Sequence[str] = ()
    outdir: Path | None = None

    @property
    def folder(self) -> Path:
        """--outdir, or runs/<zip>-table."""
        return self.outdir or Path("runs") / f"{self.data.stem}-table"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training: its options and its folder."""

    config: ClassifierConfig
    folder: Path

    @property
    def result(self) -> Path:
        """Where its scores are once it is done."""
        return self.folder / "test" / RESULT

    def is_done(self) -> bool:
        """Whether it was trained and scored with these options.

        Raises:
            ConfigError: it was trained with others.
        """
        check_same(self.folder, self.config, may_change=("data.path",))
        return self.result.exists() and (self.folder / CONFIG).exists()


def make_table(request: TableRequest, device: torch.device, say: Callable[[str], None]) -> int:
    """Train and score what is missing, and write table.md and table.json; the exit status of a signal, else 0.

    Raises:
        UserError: whatever is wrong with the request, before the first training.
    """
    archive = Archive.open(request.data)
    cells = list(_cells(request))
    _check(request, archive)
    done = [cell.is_done() for cell in cells]
    say(f"{len(cells)} trainings, {sum(done)} of them done already, in {request.folder}")
    for number, cell in enumerate(cells):
        if not done[number]:
            config = cell.config
            say(f"{number + 1}/{len(cells)}: {cell.folder.name}")
            result = train(config, archive, cell.folder, device)
            if result.interrupted:
                return result.interrupted
            classifier = load_classifier(result.snapshot, device)
            document = write_evaluation(cell.result.parent, evaluate(classifier, archive), classifier, archive)
            (cell.folder / CHECKPOINT).unlink(missing_ok=True)  # four times the weights, and never needed again
            say(f"{number + 1}/{len(cells)}: test accuracy {document['accuracy']:.2%}")
            _write(request, archive, cells)
    _write(request, archive, cells)
    say(f"{request.folder / MARKDOWN}, {request.folder / JSON}")
    return 0


def _cells(request: TableRequest) -> Iterator[Cell]:
    """Seed by seed: a stopped table has every model once before it has one of them three times."""
    seeds = range(request.seeds)
    for seed, split, label, preset, model in product(
        seeds, request.splits, request.labels, request.presets, request.models
    ):
        flags = TrainFlags(
            data=request.data,
            label=label,
            model=model,
            preset=preset,
            weights=request.weights,
            split_by=split,
            size=request.size,
            epochs=request.epochs,
            batch=request.batch,
            seed=seed,
            settings=request.settings,
        )
        yield Cell(config=config_of(flags), folder=request.folder / f"{split}-{label}-{model}-{preset}-{seed}")


def _check(request: TableRequest, archive: Archive) -> None:
    """All that can be wrong with the data, seen before hours of training."""
    for model in request.models:
        check_model(model)
        check_size(model, request.size or input_size(model))
    for split in request.splits:
        for label in request.labels:
            data = replace(ClassifierConfig().data, label=label, split_by=split)
            division = divide(archive, data)
            check_classes(archive, data, division)
            if not len(division.parts["test"]):
                raise DataError(
                    f"{archive.path.name}: no {label} label in test ({division.how}). Use --split-by holdout or book."
                )


def _write(request: TableRequest, archive: Archive, cells: Sequence[Cell]) -> None:
    rows = _rows(request, cells)
    majorities = {(row.split, row.label): _majority(archive, row) for row in rows}
    document: dict[str, Any] = as_json(archive, rows, majorities, request.weights)
    write_text(request.folder / JSON, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    write_text(request.folder / MARKDOWN, as_markdown(document))


def _rows(request: TableRequest, cells: Sequence[Cell]) -> list[Row]:
    """A row for each model, label, preset and split of which a seed is done."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        config = cell.config
        key = (config.data.split_by, config.data.label, config.network.model, config.preset)
        groups.setdefault(key, []).extend([cell] if cell.result.exists() else [])
    return [row_of(*key, [_read(cell) for cell in found]) for key, found in groups.items() if found]


def _read(cell: Cell) -> tuple[dict[str, Any], np.ndarray]:
    """A cell's numbers, and whether each test picture was right."""
    try:
        document = json.loads(cell.result.read_text(encoding="utf-8"))
        with np.load(cell.result.parent / PREDICTIONS, allow_pickle=False) as found:
            return document, found["probabilities"].argmax(1) == found["labels"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{cell.result.parent}: damaged ({error}). Remove this folder and start again.") from error


def _majority(archive: Archive, row: Row) -> float:
    data = replace(ClassifierConfig().data, label=row.label, split_by=row.split)  # type: ignore[arg-type]
    column, _ = label_set_of(archive, row.label)
    division = divide(archive, data)
    return majority_share(archive, column, division, archive.labels[division.parts["test"], column].numpy())
