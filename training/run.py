"""A training run from beginning to end; reads as the method section."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from dataset.archive import Archive
from torch_utils.config import differences
from torch_utils.devices import set_precision
from torch_utils.errors import ConfigError, DivergedError, StorageError
from torch_utils.files import sweep
from torch_utils.log import Log
from torch_utils.ops.native import load_ops
from training import outputs
from training.augment.config import NoStrength
from training.checkpoint import load_checkpoint, newest_checkpoint, save_checkpoint
from training.config import CHANGEABLE, TrainConfig, passes
from training.data import load_training_data
from training.evaluation import Evaluation
from training.report import TickAverages, Writer, progress_line
from training.state import TrainingState
from training.step import iterate_due, slices, take_step
from training.transfer import transfer

_MOST_SKIPPED = 10


@dataclass(frozen=True)
class RunResult:
    """Where a finished run left things."""

    folder: Path
    images_seen: int
    snapshot: Path | None
    fakes: Path | None


def train(config: TrainConfig, folder: Path, archive: Archive, *, stop_at: int | None = None) -> RunResult:
    """Train until `schedule.total_kimg`, from the newest checkpoint of the folder if there is one.

    Args:
        stop_at: images after which to stop at the next tick, as if interrupted right after saving (for tests).
    Raises:
        UserError: before the first step, for whatever the user can mend.
    """
    config = replace(config, data=replace(config.data, digest=archive.digest))
    check_same_run(folder, config)
    return Run(config, folder, archive).until(stop_at)


def check_same_run(folder: Path, config: TrainConfig) -> None:
    """Refuse to go on with other options than a folder was trained with, except those that may change.

    Raises:
        ConfigError: listing every difference.
    """
    saved = outputs.saved_config(folder)
    if saved is None:
        return
    wrong = {path: pair for path, pair in differences(saved, config).items() if not path.startswith(CHANGEABLE)}
    if wrong:
        listed = "; ".join(f"{path} was {old}, now {new}" for path, (old, new) in wrong.items())
        raise ConfigError(f"{folder}: trained with other options ({listed}). Use the same, or another --outdir.")


class Run:
    """One process's part in a run: the state, and what is written about it."""

    def __init__(self, config: TrainConfig, folder: Path, archive: Archive):
        self.config, self.folder = config, folder
        self.device = torch.device("cuda" if config.runtime.gpus else "cpu")
        if self.device.type == "cuda":
            set_precision()
            # Trying out algorithms pays where every batch has the same shapes; augmentation makes new ones each time.
            torch.backends.cudnn.benchmark = isinstance(config.augment.strength, NoStrength)
        if config.runtime.threads:
            torch.set_num_threads(config.runtime.threads)
        self.log = Log()
        self.skipped: Counter[str] = Counter()  # by step, since it was last applied
        self.evaluation = Evaluation.prepare(config, archive, self.device)
        ops = load_ops(config.runtime.ops, self.device, self.log)
        started = time.time()
        data = load_training_data(archive, config.data, config.runtime.seed, self.device, config.runtime.workers)
        self.state = TrainingState.build(config, data, self.device)
        self.data_words = {
            "name": archive.path.name,
            "digest": archive.digest,
            "split": config.data.split,
            "source": archive.source,
            "licence": archive.licence,
            "attribution": archive.attribution,
        }
        notes: list[str] = []
        checkpoint = newest_checkpoint(folder, notes.append)
        if checkpoint is None and config.transfer.snapshot:
            notes += transfer(Path(config.transfer.snapshot), self.state)
        _make_folder(folder)
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
        outputs.save_config(folder, config)
        self._begin(checkpoint)

    def _begin(self, checkpoint: Path | None) -> None:
        if checkpoint is not None:
            load_checkpoint(checkpoint, self.state)
            self.log(f"going on from {checkpoint.name}")
            return
        outputs.save_reals(self.folder, self.state)
        outputs.save_fakes(self.folder, self.state, self._info({}), "init")
        if unused := [s for s in self._label_names() if s not in self.config.data.label_sets]:
            self.log(f"labels found but not used: {', '.join(unused)} (--cond conditions on them)")

    def _label_names(self) -> list[str]:
        return [label_set.name for label_set in self.evaluation.archive.label_sets]

    def _info(self, metrics: dict[str, float]):
        return outputs.snapshot_info(self.state, self.data_words, metrics)

    def until(self, stop_at: int | None) -> RunResult:
        """Train, tick by tick, to the end (or to `stop_at`)."""
        schedule, state = self.config.schedule, self.state
        writer, averages = Writer(self.folder, state.images_seen), TickAverages(self.device)
        snapshot, fakes = None, None
        try:
            if scores := self._owed_scores():
                writer.write(state.images_seen / 1000, scores)
            while state.images_seen < schedule.total_images:
                before = schedule.ticks(state.images_seen)
                values = self._tick(averages)
                ticks, done = schedule.ticks(state.images_seen), state.images_seen >= schedule.total_images
                if done or before == 0 or passes(schedule.snapshot_ticks, before, ticks):
                    snapshot, fakes = self._save()
                    if self.evaluation.due(before, ticks, last=done):
                        values |= self._score()
                writer.write(state.images_seen / 1000, values)
                if stop_at is not None and state.images_seen >= stop_at:
                    break
        finally:
            writer.close()
        return RunResult(self.folder, state.images_seen, snapshot, fakes)

    def _tick(self, averages: TickAverages) -> dict[str, float]:
        """Batches until the next tick (or the end); returns what to report."""
        schedule, state, started = self.config.schedule, self.state, time.time()
        before = state.images_seen
        while state.images_seen < schedule.total_images and schedule.ticks(state.images_seen) == schedule.ticks(before):
            self._batch(averages)
        seconds = (time.time() - started) / (state.images_seen - before) * 1000
        values = averages.finish()
        values |= {"augment/p": state.players.augment_p, "time/s_per_kimg": seconds}
        values["progress/steps_skipped"] = float(state.steps_skipped)
        self.log(progress_line(state.images_seen / 1000, schedule.total_kimg, seconds, values))
        return values

    def _batch(self, averages: TickAverages) -> None:
        state, schedule = self.state, self.config.schedule
        parts = slices(schedule, self.config.runtime.seed, state.batches_done, state.images_seen)
        for step in iterate_due(state.steps, state.batches_done):
            try:
                result = take_step(step, state.players, parts, schedule.batch_size)
            except torch.OutOfMemoryError as error:
                raise ConfigError(
                    f"--batch-gpu {schedule.batch_gpu}: the GPU's memory does not hold step '{step.name}' of that many "
                    "pictures. Use half as many."
                ) from error
            state.absorb(result)
            averages.add(result.values)
            self._watch(step.name, result.finite)
        state.advance()

    def _score(self) -> dict[str, float]:
        """Scores of what is already saved, so that a failure here costs no training; written into its snapshot too."""
        scores = self.evaluation.scores(self.state, self.log)
        try:
            outputs.save_run_snapshot(self.folder, self.state, self._info(scores))
        except StorageError as error:
            self.log(f"warning: {error} The snapshot stays without its scores; stats.jsonl has them.")
        return scores

    def _owed_scores(self) -> dict[str, float]:
        """Scores of the state a run goes on from, where it stopped between saving and scoring."""
        schedule, seen = self.config.schedule, self.state.images_seen
        ticks = schedule.ticks(seen)
        if not seen or not self.evaluation.due(ticks - 1, ticks, last=seen >= schedule.total_images):
            return {}
        return {} if outputs.saved_metrics(self.folder, seen) else self._score()

    def _watch(self, step: str, finite: bool) -> None:
        """Tell of a step that was skipped; end a run that has nothing but such steps of one kind."""
        self.skipped[step] = 0 if finite else self.skipped[step] + 1
        if finite:
            return
        self.log(f"step '{step}' skipped at image {self.state.images_seen}: its gradient is not finite")
        if self.skipped[step] >= _MOST_SKIPPED:
            raise DivergedError(
                f"{self.folder}: the gradient of step '{step}' was not finite {_MOST_SKIPPED} times in a row (image "
                f"{self.state.images_seen}). Go on from an older snapshot with --resume and another --outdir, with a "
                "lower learning rate or --precision fp32."
            )

    def _save(self) -> tuple[Path | None, Path | None]:
        """Grid, snapshot and checkpoint. A disk that is full is reported; the older files stay."""
        name = outputs.kimg_name(self.state.images_seen)
        info = self._info({})
        try:
            fakes = outputs.save_fakes(self.folder, self.state, info, name)
            snapshot = outputs.save_run_snapshot(self.folder, self.state, info)
            save_checkpoint(self.folder, self.state)
        except StorageError as error:
            if self.state.images_seen >= self.config.schedule.total_images:
                raise
            self.log(f"warning: not all was saved: {error} Training goes on and tries again at the next snapshot.")
            return None, None
        return snapshot, fakes


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"--outdir {folder}: cannot be made ({error.strerror}). Choose another.") from error
