"""Checkpoints: the whole training state as tensors and numbers, enough to go on exactly where a run stopped."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from torch_utils import checkpoint_file, distributed
from torch_utils.checkpoint_file import is_whole
from torch_utils.errors import SnapshotError
from training.skips import Skips
from training.state import TrainingState

FORMAT = "kaokore-stylegan checkpoint 2"
COUNTERS = (
    "images_seen",
    "batches_done",
    "steps_skipped",
    "sign_sum",
    "sign_count",
    "active_resolution",
    "rollbacks",
)
_PATTERN = "checkpoint-*.pt"
_KEEP = 2


def save_checkpoint(folder: Path, state: TrainingState) -> Path:
    """Write checkpoint-<images seen>.pt atomically, then drop all but the newest two."""
    return write_checkpoint(folder, contents_of(state))


def write_checkpoint(folder: Path, contents: dict[str, Any], *, drop: bool = True) -> Path:
    """The same for contents taken earlier; drops older ones unless told not to."""
    path = folder / f"checkpoint-{contents['images_seen']:09d}.pt"
    checkpoint_file.write_checkpoint(path, contents)
    for old in sorted(folder.glob(_PATTERN))[:-_KEEP] if drop else []:
        with contextlib.suppress(OSError):
            old.unlink()
    return path


def newest_checkpoint(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The newest checkpoint of a run folder that is whole; None if there is none at all. `say` hears of damaged ones.

    Raises:
        SnapshotError: there are checkpoints, but none can be read.
    """
    there = sorted(folder.glob(_PATTERN), reverse=True)
    for path in there:
        if is_whole(path):
            return path
        say(f"warning: {path.name} is damaged; looking for an older one")
    if there:
        raise SnapshotError(f"{there[0]}: damaged, and no older checkpoint is whole. Start again in another --outdir.")
    return None


def whole_checkpoints(folder: Path) -> list[Path]:
    """All checkpoints that can be read, the newest first."""
    return [path for path in sorted(folder.glob(_PATTERN), reverse=True) if is_whole(path)]


def images_of(path: Path) -> int:
    """Images a checkpoint's run had seen, as its name tells."""
    return int(path.stem.partition("-")[2])


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Fill the state from a checkpoint, the number of threads too: convolution gradients depend on it.

    Raises:
        SnapshotError: a file of another program or version, or of another network.
    """
    contents = checkpoint_file.read_checkpoint(path, FORMAT, state.players.data.device)
    with checkpoint_file.filling(path):
        fill(state, contents)
    if contents.get("processes", 1) == distributed.world_size():
        torch.set_num_threads(contents["threads"])


def fill(state: TrainingState, contents: dict[str, Any]) -> None:
    """Put what `contents_of` gave into a state."""
    state.players.generator.load_state_dict(contents["generator"])
    state.players.discriminator.load_state_dict(contents["discriminator"])
    state.ema.load_state_dict(contents["ema"])
    state.generator_adam.load_state_dict(contents["generator_adam"])
    state.discriminator_adam.load_state_dict(contents["discriminator_adam"])
    state.path_mean.copy_(contents["path_mean"])
    state.players.augment_p = contents["augment_p"]
    for name in COUNTERS:
        setattr(state, name, contents[name])
    state.skips = Skips(contents["skips"])
    state.reseed()


def contents_of(state: TrainingState) -> dict[str, Any]:
    """The whole state as tensors and numbers."""
    return {
        "format": FORMAT,
        "generator": state.players.generator.state_dict(),
        "discriminator": state.players.discriminator.state_dict(),
        "ema": state.ema.state_dict(),
        "generator_adam": state.generator_adam.state_dict(),
        "discriminator_adam": state.discriminator_adam.state_dict(),
        "path_mean": state.path_mean,
        "augment_p": state.players.augment_p,
        **{name: getattr(state, name) for name in COUNTERS},
        "skips": state.skips.counts,
        "threads": torch.get_num_threads(),
        "processes": distributed.world_size(),
    }
