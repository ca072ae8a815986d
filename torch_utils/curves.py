"""The one door to TensorBoard: curves of numbers over steps."""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


def open_curves(folder: Path, first_step: int) -> "SummaryWriter":
    """A writer of TensorBoard events; what an interrupted run told of `first_step` and later is taken back."""
    # TensorBoard's switch for writing without TensorFlow, which is slow to load and loud where it is installed.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    from torch.utils.tensorboard.writer import SummaryWriter  # slow to import, needed by a real run only

    return SummaryWriter(str(folder), purge_step=first_step)
