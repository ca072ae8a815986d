"""A training run from beginning to end; reads as the method section."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from dataset.archive import Archive
from torch_utils import distributed
from torch_utils.config import differences
from torch_utils.devices import set_precision
from torch_utils.errors import ConfigError
from torch_utils.files import sweep
from torch_utils.folder_lock import only_writer
from torch_utils.interrupts import SAVE, Interrupts, name_of
from torch_utils.log import Log
from torch_utils.ops.native import load_ops
from training import outputs
from training.augment.config import NoStrength
from training.checkpoint import contents_of, fill, load_checkpoint, newest_checkpoint
from training.config import CHANGEABLE, TrainConfig, passes
from training.data import load_training_data
from training.divergence import go_back
from training.equality import check_equal
from training.evaluation import Evaluation
from training.health import Health
from training.report import TickAverages, Writer, progress_line
from training.saving import Saver
from training.skips import Streak
from training.state import TrainingState
from training.step import iterate_due, slices, take_step
from training.transfer import transfer


@dataclass(frozen=True)
class RunResult:
    """Where a finished run left things."""

    folder: Path
    images_seen: int
    snapshot: Path | None
    fakes: Path | None
    interrupted: int = 0  # the exit status of a run that a signal has stopped


def train(config: TrainConfig, folder: Path, archive: Archive, *, stop_at: int | None = None) -> RunResult:
    """Train until `schedule.total_kimg`, from the newest checkpoint of the folder if there is one.

    Args:
        stop_at: images after which to stop at the next tick, as if interrupted right after saving (for tests).
    Raises:
        UserError: before the first step, for whatever the user can mend.
    """
    config = replace(config, data=replace(config.data, digest=archive.digest))
    with ExitStack() as stack:
        distributed.on_main(lambda: _open_folder(stack, folder, config))
        return Run(config, folder, archive).until(stop_at)


def _open_folder(stack: ExitStack, folder: Path, config: TrainConfig) -> None:
    """Let no other training write into the folder until the stack closes."""
    stack.enter_context(only_writer(folder))
    check_same_run(folder, config)


def check_same_run(folder: Path, config: TrainConfig) -> None:
    """Refuse to go on with other options than a folder was trained with, except those that may change.

    Raises:
        ConfigError: listing every difference.
    """
    saved = outputs.saved_config(folder)
    if saved is None:
        return
    changeable = CHANGEABLE
    if saved.runtime.ranks != config.runtime.ranks:
        changeable += ("schedule.batch_gpu",)  # what one process could hold, several may have to share
    wrong = {path: pair for path, pair in differences(saved, config).items() if not path.startswith(changeable)}
    if wrong:
        listed = "; ".join(f"{path} was {old}, now {new}" for path, (old, new) in wrong.items())
        raise ConfigError(f"{folder}: trained with other options ({listed}). Use the same, or another --outdir.")


class Run:
    """One process's part in a run: the state, and what is written about it."""

    def __init__(self, config: TrainConfig, folder: Path, archive: Archive):
        self.config, self.folder = config, folder
        self.device = torch.device("cuda", distributed.local_rank()) if config.runtime.gpus else torch.device("cpu")
        if self.device.type == "cuda":
            set_precision()
            # Trying out algorithms pays where every batch has the same shapes; augmentation makes new ones each time.
            torch.backends.cudnn.benchmark = isinstance(config.augment.strength, NoStrength)
        if config.runtime.threads:
            torch.set_num_threads(config.runtime.threads)
        self.log = Log()
        self.health = Health(config.augment)
        self.known: set[str] = set()  # steps that were taken
        self.evaluation = Evaluation.prepare(config, archive, self.device)
        ops = load_ops(config.runtime.ops, self.device, self.log)
        started = time.time()
        data = load_training_data(archive, config.data, config.runtime.seed, self.device, config.runtime.workers)
        self.state = TrainingState.build(config, data, self.device)
        self.evaluation.check_generator(self.state.ema)
        data_words = {
            "name": archive.path.name,
            "digest": archive.digest,
            "split": config.data.split,
            "source": archive.source,
            "licence": archive.licence,
            "attribution": archive.attribution,
        }
        self.saver = Saver(folder, self.state, data_words, self.log)
        self.interrupts = Interrupts()
        came_from, notes = distributed.on_main(self._fill_state)
        self._share_state()
        sweep(folder)
        self.log.keep_in(folder / "log.txt")
        self.log(
            f"{len(data.pictures)} pictures of {data.resolution}x{data.resolution} from {archive.path.name} "
            f"in {time.time() - started:.1f} s"
        )
        if ops.names:
            self.log(str(ops))
        for line in notes:
            self.log(line)
        if distributed.is_main():
            self._begin(came_from)

    def _fill_state(self) -> tuple[str | None, list[str]]:
        """Go on from the newest checkpoint, or start from a snapshot; gives the checkpoint's name, and what to tell."""
        notes: list[str] = []
        checkpoint = newest_checkpoint(self.folder, notes.append)
        before = outputs.saved_config(self.folder)
        if checkpoint is not None:
            load_checkpoint(checkpoint, self.state)
            if before is not None and before.runtime.ranks != self.config.runtime.ranks:
                notes.append(_other_ranks(before, self.config))
        elif self.config.transfer.snapshot:
            notes += transfer(Path(self.config.transfer.snapshot), self.state)
        return (checkpoint.name if checkpoint else None), notes

    def _share_state(self) -> None:
        """The main process's state in every process: the same weights, whoever has the folder."""
        if distributed.world_size() > 1:
            fill(self.state, distributed.from_main(contents_of(self.state)))

    def _begin(self, checkpoint: str | None) -> None:
        outputs.save_config(self.folder, self.config)
        if checkpoint is not None:
            self.log(f"going on from {checkpoint}")
            return
        outputs.save_reals(self.folder, self.state)
        self.saver.save_grid("init")
        if unused := [s for s in self._label_names() if s not in self.config.data.label_sets]:
            self.log(f"labels found but not used: {', '.join(unused)} (--cond conditions on them)")

    def _label_names(self) -> list[str]:
        return [label_set.name for label_set in self.evaluation.archive.label_sets]

    def until(self, stop_at: int | None) -> RunResult:
        """Train, tick by tick, to the end, to a signal's or to `stop_at`."""
        schedule, state = self.config.schedule, self.state
        writer = Writer(self.folder, state.images_seen) if distributed.is_main() else None
        snapshot, fakes, stopped = None, None, 0
        try:
            with self.interrupts:
                if scores := distributed.on_main(self._owed_scores):
                    self._write(writer, scores)
                while state.images_seen < schedule.total_images and not stopped:
                    before = schedule.ticks(state.images_seen)
                    try:
                        values, stopped = self._tick(TickAverages(self.device))
                    except Streak as streak:
                        self._go_back(streak, writer)
                        continue
                    if stopped:
                        distributed.on_main(partial(self._save_for_signal, stopped))
                        break
                    ticks, done = schedule.ticks(state.images_seen), state.images_seen >= schedule.total_images
                    if done or before == 0 or passes(schedule.snapshot_ticks, before, ticks):
                        check_equal(state)
                        snapshot, fakes = distributed.on_main(self.saver.save)
                        if self.evaluation.due(before, ticks, last=done):
                            values |= distributed.on_main(self._score)
                    self._write(writer, values)
                    if stop_at is not None and state.images_seen >= stop_at:
                        break
                distributed.on_main(partial(self.saver.wait, last=True))
        finally:
            self.saver.join()  # whatever has ended the run, what was being saved is whole
            if writer is not None:
                writer.close()
        return RunResult(self.folder, state.images_seen, snapshot, fakes, stopped)

    def _write(self, writer: Writer | None, values: dict[str, float]) -> None:
        if writer is not None:
            writer.write(self.state.images_seen / 1000, values)

    def _tick(self, averages: TickAverages) -> tuple[dict[str, float], int]:
        """Batches until the next tick (or the end): what to report, and an exit status if a signal asked to stop."""
        schedule, state, started = self.config.schedule, self.state, time.time()
        before = state.images_seen
        while state.images_seen < schedule.total_images and schedule.ticks(state.images_seen) == schedule.ticks(before):
            self._batch(averages)
            request = distributed.largest(self.interrupts.take())  # all processes stop after the same batch
            if request == SAVE:
                distributed.on_main(self.saver.save_checkpoint_now)
            elif request:
                return {}, request
        seconds = (time.time() - started) / (state.images_seen - before) * 1000
        values = averages.finish()
        values |= {"augment/p": state.players.augment_p, "time/s_per_kimg": seconds}
        values["time/saving"] = self.saver.take_stall()
        values["progress/steps_skipped"] = float(state.steps_skipped)
        self.log(progress_line(state.images_seen / 1000, schedule.total_kimg, seconds, values))
        for line in self.health.warnings(values):
            self.log(line)
        return values, 0

    def _batch(self, averages: TickAverages) -> None:
        state, phase = self.state, self.state.enter_phase()
        parts = slices(phase, state.seed, state.batches_done, state.images_seen)
        for step in iterate_due(state.steps, state.batches_done):
            distributed.at(f"step '{step.name}' of batch {state.batches_done}", first=step.name not in self.known)
            self.known.add(step.name)
            try:
                result = take_step(step, state.players, parts, phase.batch_size)
            except torch.OutOfMemoryError as error:
                raise ConfigError(
                    f"--batch-gpu {phase.batch_gpu}: the GPU's memory does not hold step '{step.name}' of that many "
                    "pictures. Use half as many."
                ) from error
            state.absorb(result)
            averages.add(result.values)
            if result.fault is not None:
                skipped = f"step '{step.name}' skipped at image {state.images_seen}"
                self.log(f"{skipped}: its gradient is not finite ({result.fault})")
            state.skips.note(step.name, result.fault, state.images_seen)
        state.advance()

    def _score(self) -> dict[str, float]:
        """Scores of what is already saved, so that a failure here costs no training; written into its snapshot too."""
        scores = self.evaluation.scores(self.state, self.log)
        self.saver.save_scores(scores)
        return scores

    def _owed_scores(self) -> dict[str, float]:
        """Scores of the state a run goes on from, where it stopped between saving and scoring."""
        schedule, seen = self.config.schedule, self.state.images_seen
        ticks = schedule.ticks(seen)
        if not seen or not self.evaluation.due(ticks - 1, ticks, last=seen >= schedule.total_images):
            return {}
        return {} if outputs.saved_metrics(self.folder, seen) else self._score()

    def _go_back(self, streak: Streak, writer: Writer | None) -> None:
        """Every process goes on from an older checkpoint; what was told of later images is taken back."""
        distributed.on_main(self.saver.wait)
        distributed.on_main(lambda: go_back(self.folder, self.state, streak, self.log))
        self._share_state()
        if writer is not None:
            writer.go_back(self.state.images_seen)

    def _save_for_signal(self, status: int) -> None:
        self.log(f"{name_of(status)} at {self.state.images_seen / 1000:g} kimg: saving")
        self.saver.save_checkpoint_now()


def _other_ranks(before: TrainConfig, now: TrainConfig) -> str:
    """What going on with another number of processes means."""
    words = f"{now.runtime.ranks_in_words} instead of {before.runtime.ranks_in_words}"
    old, new = before.schedule.batch_gpu, now.schedule.batch_gpu
    if old == new:
        return f"notice: {words}; the same batch in the same slices, so results differ by rounding only"
    return f"notice: {words}; the same batch in slices of {new} instead of {old}, so other random numbers from here on"
