"""A training's checkpoint: tensors and numbers in one file, replaced whole."""

import pickle
from pathlib import Path

import torch

from classification.state import TrainingState
from torch_utils.errors import SnapshotError
from torch_utils.files import atomic_write

NAME = "checkpoint.pt"
FORMAT = "kaokore-stylegan classifier checkpoint 1"


def save_checkpoint(folder: Path, state: TrainingState) -> None:
    """Write it atomically."""
    with atomic_write(folder / NAME) as temporary, temporary.open("wb") as file:
        torch.save({"format": FORMAT} | state.contents(), file)


def resume(folder: Path, state: TrainingState) -> bool:
    """Fill the state from the folder's checkpoint; False if there is none.

    Raises:
        SnapshotError: it is damaged, or of another training.
    """
    path = folder / NAME
    if not path.exists():
        return False
    try:
        contents = torch.load(path, map_location=state.learner.device, weights_only=True)
        if not isinstance(contents, dict) or contents.get("format") != FORMAT:
            raise SnapshotError(f"{path}: not a checkpoint of this version. Use another --outdir.")
        state.fill(contents)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SnapshotError(f"{path}: damaged, or of another network ({reason}). Use another --outdir.") from error
    return True
