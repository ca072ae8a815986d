"""Training a classifier, from its options to a snapshot; a stopped one goes on where it stopped."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from classification.checkpoint import resume, save_checkpoint
from classification.config import MAY_CHANGE, ClassifierConfig
from classification.learner import Learner, data_words, prepare
from classification.models import head
from classification.options import TrainFlags, config_of, folder_of
from classification.snapshot import ClassifierInfo, save_classifier
from classification.state import TrainingState, uses_bf16
from dataset.archive import Archive
from torch_utils.config import to_json
from torch_utils.curves import open_curves
from torch_utils.files import sweep, write_text
from torch_utils.folder_lock import only_writer
from torch_utils.interrupts import SAVE, Interrupts
from torch_utils.log import Log
from torch_utils.same_run import check_same, write_config

SNAPSHOT, STATS = "classifier.safetensors", "stats.jsonl"


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended.

    Attributes:
        interrupted: exit status of the signal that stopped it, 0 where it ended by itself.
    """

    folder: Path
    snapshot: Path
    epochs: int
    best_epoch: int
    dev_accuracy: float
    interrupted: int = 0


def train_as_asked(flags: TrainFlags, device: torch.device) -> TrainResult:
    """Train as a command line of classify.py train says; see `train`."""
    config = config_of(flags)
    return train(config, Archive.open(flags.data), folder_of(flags, config), device)


def train(
    config: ClassifierConfig,
    archive: Archive,
    folder: Path,
    device: torch.device,
    log: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train, or go on with what the folder holds; on CPU a stopped and resumed run ends bit-equal to an unbroken one.

    Raises:
        ConfigError: the folder holds a run with other options, or an option is wrong.
        UserError: whatever `prepare` says.
    """
    own = [device] if device.type == "cuda" else []
    with only_writer(folder), torch.random.fork_rng(devices=own), Interrupts() as interrupts:
        sweep(folder)
        check_same(folder, config, MAY_CHANGE)
        learner = prepare(config, archive, device)
        log = log or Log(folder / "log.txt")
        state = TrainingState(config, learner)
        if resume(folder, state):
            log(f"going on after {state.epoch} epochs, {state.step} steps")
        else:
            _begin(folder, config, learner, archive, log)
        return _run(state, archive, folder, interrupts, log)


def _begin(
    folder: Path, config: ClassifierConfig, learner: Learner, archive: Archive, log: Callable[[str], None]
) -> None:
    write_config(folder, config)
    counts = ", ".join(f"{len(indices)} {part}" for part, indices in learner.division.parts.items())
    log(f"{config.network.model}, {config.data.label}: {', '.join(learner.label_set.classes)}")
    log(f"pictures: {counts} ({learner.division.how}){', labels shuffled' if config.data.shuffle_labels else ''}")
    lacking = archive.manifest.lacking if config.data.split_by == "official" else {}
    if lacking:
        words = ", ".join(f"{count} {part}" for part, count in lacking.items())
        log(f"missing: labelled pictures that are not in the archive: {words}")
    precision = "bf16" if uses_bf16(config, learner.device) else "fp32"
    log(
        f"preset {config.preset}, weights {learner.view.weights.source}, {learner.view.size} pixels, "
        f"{learner.device.type} {precision}, seed {config.seed}"
    )


def _run(
    state: TrainingState, archive: Archive, folder: Path, interrupts: Interrupts, log: Callable[[str], None]
) -> TrainResult:
    curves = open_curves(folder / "tensorboard", state.epoch + 1)
    try:
        while not state.is_over:
            started = time.perf_counter()
            if status := _epoch(state, folder, interrupts):
                return _result(state, folder, status)
            numbers = state.finish_epoch()
            for name, value in numbers.items():
                curves.add_scalar(name, value, state.epoch)
            write_text(folder / STATS, "".join(json.dumps(line) + "\n" for line in state.history))
            if state.best.epoch == state.epoch:
                _save_best(state, archive, folder)
            save_checkpoint(folder, state)
            log(_line(state, numbers, time.perf_counter() - started))
    finally:
        curves.close()
    _save_best(state, archive, folder)  # again: a killed run may have left a checkpoint without it
    return _result(state, folder, 0)


def _epoch(state: TrainingState, folder: Path, interrupts: Interrupts) -> int:
    """The steps that are left of the epoch; the exit status of a signal that asked to stop, else 0."""
    each = state.steps_an_epoch
    done = state.step - state.epoch * each
    bar = tqdm(total=each, initial=done, desc=f"epoch {state.epoch + 1}", disable=not sys.stderr.isatty(), leave=False)
    with bar:
        while state.step < (state.epoch + 1) * each:
            state.take_step()
            bar.update()
            if request := interrupts.take():
                save_checkpoint(folder, state)
                if request != SAVE:
                    return request
    return 0


def _save_best(state: TrainingState, archive: Archive, folder: Path) -> None:
    """Write the best weights as the run's snapshot."""
    learner, config = state.learner, state.config
    tensors = dict(learner.network.state_dict())
    prefix = f"{head(learner.network)[0]}." if config.network.train == "head" else ""
    tensors |= {prefix + name: tensor for name, tensor in state.best.weights.items()}
    info = ClassifierInfo(
        model=config.network.model,
        label_set=learner.label_set,
        size=learner.view.size,
        resize=learner.view.resize,
        weights=learner.view.weights,
        epoch=state.best.epoch,
        data=data_words(archive, config, learner.division),
        config=to_json(config),
        metrics={"accuracy/dev": state.best.accuracy, "loss/dev": state.best.loss},
    )
    save_classifier(folder / SNAPSHOT, info, tensors, learner.seen)


def _result(state: TrainingState, folder: Path, status: int) -> TrainResult:
    best = state.best
    return TrainResult(
        folder=folder,
        snapshot=folder / SNAPSHOT,
        epochs=state.epoch,
        best_epoch=best.epoch,
        dev_accuracy=best.accuracy,
        interrupted=status,
    )


def _line(state: TrainingState, numbers: dict[str, float], seconds: float) -> str:
    best = state.best
    return (
        f"epoch {state.epoch:3}/{state.config.schedule.epochs}  loss {numbers['loss/train']:.4f}  "
        f"train {numbers['accuracy/train']:6.2%}  dev {numbers['accuracy/dev']:6.2%}  "
        f"best {best.accuracy:6.2%} at {best.epoch}  {seconds:.1f} s"
    )
