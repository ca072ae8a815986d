"""Checkpoints: the whole training state as tensors and numbers, enough to go on exactly where a run stopped."""

import contextlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from torch_utils import distributed
from torch_utils.errors import SnapshotError
from torch_utils.files import atomic_write
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
# What Python's zipfile raises where its directory is wrong: a name that is no text, an unknown flag or method, …
_DAMAGED = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def save_checkpoint(folder: Path, state: TrainingState) -> Path:
    """Write checkpoint-<images seen>.pt atomically, then drop all but the newest two."""
    return write_checkpoint(folder, contents_of(state))


def write_checkpoint(folder: Path, contents: dict[str, Any], *, drop: bool = True) -> Path:
    """The same for contents taken earlier; drops older ones unless told not to."""
    path = folder / f"checkpoint-{contents['images_seen']:09d}.pt"
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(contents, file)
        except RuntimeError as error:
            raise (_system_error(error) or error) from error
    for old in sorted(folder.glob(_PATTERN))[:-_KEEP] if drop else []:
        with contextlib.suppress(OSError):
            old.unlink()
    return path


def _system_error(error: BaseException) -> OSError | None:
    """The operating system's error that torch.save's own came from, if any: it hides a full disk behind another."""
    context = error.__context__
    while context is not None and not isinstance(context, OSError):
        context = context.__context__
    return context


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


def is_whole(path: Path) -> bool:
    """True if the file's own checksums agree (torch.save writes a zip with CRCs but never checks them)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except _DAMAGED:
        return False


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Fill the state from a checkpoint, the number of threads too: convolution gradients depend on it.

    Raises:
        SnapshotError: a file of another program or version, or of another network.
    """
    try:
        contents = torch.load(path, map_location=state.players.data.device, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise SnapshotError(f"{path}: not a checkpoint of this program. Use another --outdir.") from error
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise SnapshotError(
            f"{path}: not a checkpoint of this version. Use the one that wrote it, or another --outdir."
        )
    try:
        fill(state, contents)
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SnapshotError(f"{path}: not a state of these networks ({reason}). Use another --outdir.") from error
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
