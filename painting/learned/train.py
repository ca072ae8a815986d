"""What `paint.py train-renderer` does: train a painter, look at it on held-out strokes, go on where one stopped."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from painting.learned.config import MAY_CHANGE, PainterConfig, Request, config_of
from painting.learned.snapshot import PainterInfo, save_painter
from painting.learned.state import TrainingState
from painting.learned.validation import HeldOut, error, held_out, sheet
from torch_utils.checkpoint_file import filling, read_checkpoint, write_checkpoint
from torch_utils.config import to_json
from torch_utils.devices import pick_device
from torch_utils.files import sweep, write_text
from torch_utils.folder_lock import only_writer
from torch_utils.images import write_png
from torch_utils.interrupts import SAVE, Interrupts
from torch_utils.same_run import check_same, write_config

PAINTER, CHECKPOINT = "painter.safetensors", "checkpoint.pt"
METRICS, SHEET = "metrics.jsonl", "sheet.png"
FORMAT = "kaokore-stylegan painter checkpoint 1"
_CHECKPOINT_SECONDS = 120.0  # between two; looks write one too
_DIGITS = 8


@dataclass(frozen=True)
class Run:
    """A training and what it writes to."""

    state: TrainingState
    held_out: HeldOut
    folder: Path
    say: Callable[[str], None]


def train_as_asked(request: Request, say: Callable[[str], None]) -> int:
    """Train as a command line says; see `train`.

    Raises:
        UserError: before anything is written.
    """
    config, device = config_of(request), pick_device(request.device)
    torch.set_num_threads(request.threads)
    return train(config, request.folder, device, say)


def train(config: PainterConfig, folder: Path, device: torch.device, say: Callable[[str], None]) -> int:
    """Train, or go on with what the folder holds; the exit status: 0, or that of the signal that ended it early.

    On a CPU a stopped and resumed training ends bit-equal to an unbroken one.

    Raises:
        ConfigError: the folder holds a training with other options; a longer one may go on.
    """
    with only_writer(folder), Interrupts() as interrupts:
        sweep(folder)
        check_same(folder, config, MAY_CHANGE)
        return _train(Run(TrainingState(config, device), held_out(config, device), folder, say), interrupts)


def _train(run: Run, interrupts: Interrupts) -> int:
    state = run.state
    _begin(run)
    saved = time.monotonic()
    with tqdm(total=state.config.steps, initial=state.step, unit="step", disable=not sys.stderr.isatty()) as bar:
        while not state.is_over:
            started = time.process_time()
            state.take_step()
            state.cpu_seconds += time.process_time() - started
            bar.update()
            request = interrupts.take()
            if state.step % state.config.every == 0 or state.is_over:
                bar.clear()
                _look(run)
                bar.set_postfix_str(f"MSE {state.history[-1]['mse']:.5f}", refresh=False)
            elif not request and time.monotonic() - saved < _CHECKPOINT_SECONDS:
                continue
            _save_checkpoint(run)
            saved = time.monotonic()
            if request > SAVE and not state.is_over:
                _save(run)
                run.say(
                    f"{run.folder}: stopped after {state.step} of {state.config.steps} steps; the same command goes on"
                )
                return request
    _save(run)
    run.say(_summary(run))
    return 0


def _begin(run: Run) -> None:
    """Read the checkpoint if there is one, else write the options; say what is trained."""
    state, config, trivial = run.state, run.state.config, run.held_out
    path = run.folder / CHECKPOINT
    if path.exists():
        _read_checkpoint(path, state)
        run.say(f"going on after {state.step} steps")
    write_config(run.folder, config)
    weights = sum(weight.numel() for weight in state.learner.painter.network.parameters())
    run.say(
        f"{config.arch}, {weights} weights, learns {config.brush} at {config.size} pixels: {config.steps} steps of "
        f"{config.batch} strokes, loss {config.loss}, {state.device.type}, seed {config.seed}"
    )
    run.say(
        f"held out: {config.held_out} strokes; MSE of a blank canvas {trivial.blank:.5f}, of their mean picture "
        f"{trivial.mean_picture:.5f}, of the brush's own chance {trivial.again / 2:.5f}"
    )


def _look(run: Run) -> None:
    """Measure on the held-out strokes; say a line and keep it."""
    state, trivial = run.state, run.held_out
    mse = error(state.average, trivial.batch)
    numbers = {"mse": mse, "blank": trivial.blank, "mean_picture": trivial.mean_picture, "chance": trivial.again / 2}
    numbers |= {f"train/{name}": value for name, value in state.means().items()}
    line = {name: round(value, _DIGITS) for name, value in numbers.items()}
    state.history.append({"step": state.step, "cpu_seconds": round(state.cpu_seconds, 2)} | line)
    write_text(run.folder / METRICS, "".join(json.dumps(entry) + "\n" for entry in state.history))
    words = ", ".join(f"{name.removeprefix('train/')} {v:.3f}" for name, v in line.items() if name.startswith("train/"))
    run.say(
        f"step {state.step:6}  MSE {mse:.5f}, {mse / trivial.blank:.1%} of blank, "
        f"{mse / trivial.mean_picture:.1%} of the mean picture  ({words}; {state.cpu_seconds:.0f} CPU-s)"
    )


def _save(run: Run) -> None:
    """Write the painter and its sheet."""
    state, config = run.state, run.state.config
    info = PainterInfo(
        brush=config.brush,
        arch=config.arch,
        size=config.size,
        steps=state.step,
        config=to_json(config),
        metrics=dict(state.history[-1]) if state.history else {},
    )
    digest = save_painter(run.folder / PAINTER, info, state.average.network.state_dict())
    text = {"painter": digest, "brush": config.brush, "arch": config.arch, "steps": str(state.step)}
    write_png(run.folder / SHEET, sheet(state.average, run.held_out.batch), text)


def _summary(run: Run) -> str:
    last = run.state.history[-1]
    return (
        f"{run.folder / PAINTER}: MSE {last['mse']:.5f}, {last['mse'] / last['blank']:.1%} of a blank canvas's, "
        f"{run.state.cpu_seconds:.0f} CPU-s; {SHEET} shows the brush above the painter"
    )


def _save_checkpoint(run: Run) -> None:
    write_checkpoint(run.folder / CHECKPOINT, {"format": FORMAT} | run.state.contents())


def _read_checkpoint(path: Path, state: TrainingState) -> None:
    contents = read_checkpoint(path, FORMAT, state.device)
    with filling(path):
        state.fill(contents)
