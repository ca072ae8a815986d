"""Saving a run off its critical path: copied at once, written by a thread; a full disk never stops training."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from networks.snapshot import SnapshotInfo, save_snapshot
from torch_utils.errors import StorageError
from training import outputs
from training.checkpoint import contents_of, write_checkpoint
from training.keeping import drop_snapshots
from training.state import TrainingState


class Saver:
    """Writes grids, snapshots and checkpoints of a run; one save at a time.

    Args:
        data_words: what snapshots say of the data.
        log: hears of what could not be saved.
    """

    def __init__(
        self, folder: Path, state: TrainingState, data_words: dict[str, str | None], log: Callable[[str], None]
    ):
        self.folder, self.state, self.log = folder, state, log
        self._data_words = data_words
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.stalled = 0.0  # seconds that training has stood still for saving, since last taken

    def take_stall(self) -> float:
        """Seconds that training stood still for saving since this was last asked."""
        seconds, self.stalled = self.stalled, 0.0
        return seconds

    def save(self) -> tuple[Path, Path | None]:
        """The grid now; snapshot and checkpoint of this moment, by a thread. Gives their paths, the grid's if saved."""
        began = time.monotonic()
        self.wait()
        info = outputs.snapshot_info(self.state, self._data_words, {})
        fakes = None
        try:
            fakes = self.save_grid(outputs.kimg_name(self.state.images_seen))
        except StorageError as error:
            self.log(f"warning: {error} Training goes on without this grid.")
        snapshot = self._snapshot_path()
        parts, contents = copied(outputs.snapshot_parts(self.state)), copied(contents_of(self.state))
        drop = not self.state.skips.running
        self._start(partial(self._write, snapshot, info, parts, contents, drop))
        self.stalled += time.monotonic() - began
        return snapshot, fakes

    def save_scores(self, scores: dict[str, float]) -> None:
        """Write the newest snapshot again, with its scores."""
        self.wait()
        info = outputs.snapshot_info(self.state, self._data_words, scores)
        try:
            save_snapshot(self._snapshot_path(), info, outputs.snapshot_parts(self.state))
        except StorageError as error:
            self.log(f"warning: {error} The snapshot stays without its scores; stats.jsonl has them.")

    def save_checkpoint_now(self) -> None:
        """The checkpoint alone and at once, for a signal: seconds count."""
        self.wait()
        try:
            self.log(f"saved {write_checkpoint(self.folder, contents_of(self.state)).name}")
        except StorageError as error:
            self.log(f"warning: not saved: {error}")

    def wait(self, *, last: bool = False) -> None:
        """Until what was begun is on the disk.

        Raises:
            StorageError: it could not be written, and there will be no other try.
        """
        if self._thread is None:
            return
        self.join()
        self._thread, error, self._error = None, self._error, None
        if error is None:
            return
        if last or not isinstance(error, StorageError):
            raise error
        self.log(f"warning: not all was saved: {error} Training goes on and tries again at the next snapshot.")

    def _snapshot_path(self) -> Path:
        return outputs.snapshot_path(self.folder, self.state.images_seen)

    def join(self) -> None:
        """Until the thread has ended, however it went."""
        if self._thread is not None:
            self._thread.join()

    def save_grid(self, name: str) -> Path:
        """fakes-<name>.png

        Raises:
            StorageError: it could not be written.
        """
        info = outputs.snapshot_info(self.state, self._data_words, {})
        return outputs.save_fakes(self.folder, self.state, info, name)

    def _start(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self._error = error

        # Not a daemon: a run that ends for any reason ends when its files are whole.
        self._thread = threading.Thread(target=guarded, name="saver")
        self._thread.start()

    def _write(self, snapshot: Path, info: SnapshotInfo, parts: Any, contents: Any, drop: bool) -> None:
        save_snapshot(snapshot, info, parts)
        write_checkpoint(self.folder, contents, drop=drop)
        options = self.state.config.runtime
        drop_snapshots(self.folder, keep=options.keep, milestone_kimg=options.milestone_kimg)


def copied(contents: Any) -> Any:
    """The same containers and numbers, with copies of all tensors on the CPU: training may go on meanwhile."""
    if isinstance(contents, torch.Tensor):
        return contents.detach().to("cpu", copy=True)
    if isinstance(contents, dict):
        return {key: copied(value) for key, value in contents.items()}
    if isinstance(contents, list | tuple):
        return type(contents)(copied(value) for value in contents)
    return contents
