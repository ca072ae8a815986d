"""A training's checkpoint: tensors and numbers in one file, replaced whole."""

from pathlib import Path

from classification.state import TrainingState
from torch_utils.checkpoint_file import filling, read_checkpoint, write_checkpoint

NAME = "checkpoint.pt"
FORMAT = "kaokore-stylegan classifier checkpoint 1"


def save_checkpoint(folder: Path, state: TrainingState) -> None:
    """Write it atomically."""
    write_checkpoint(folder / NAME, {"format": FORMAT} | state.contents())


def resume(folder: Path, state: TrainingState) -> bool:
    """Fill the state from the folder's checkpoint; False if there is none.

    Raises:
        SnapshotError: it is damaged, or of another training.
    """
    path = folder / NAME
    if not path.exists():
        return False
    contents = read_checkpoint(path, FORMAT, state.learner.device)
    with filling(path):
        state.fill(contents)
    return True
