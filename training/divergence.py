"""What a run does about steps that come out as no finite number, again and again: it goes back, once."""

from collections.abc import Callable
from pathlib import Path

from training.checkpoint import images_of, load_checkpoint, save_checkpoint, whole_checkpoints
from training.skips import MOST_SKIPPED, Skips, Streak
from training.state import TrainingState


def go_back(folder: Path, state: TrainingState, streak: Streak, say: Callable[[str], None]) -> None:
    """Fill the state from the newest checkpoint older than the streak, and go on from there with another data order.

    Once in a run: what comes again is no accident. Later checkpoints are dropped, so that a restart goes the same way.

    Raises:
        DivergedError: it was done before, or there is no such checkpoint.
    """
    if state.rollbacks:
        raise streak.final(folder, ", again after going back to an older checkpoint with another data order")
    good = [path for path in whole_checkpoints(folder) if images_of(path) <= streak.since]
    if not good:
        raise streak.final(folder, ", and no checkpoint is older than that")
    say(
        f"warning: the gradient of step '{streak.step}' was not finite {MOST_SKIPPED} times in a row (image "
        f"{streak.images_seen}, first: {streak.fault}). Going back to {good[0].name}, once, with another data order."
    )
    load_checkpoint(good[0], state)
    state.rollbacks += 1
    state.skips = Skips()
    state.reseed()
    for path in whole_checkpoints(folder):
        if images_of(path) > state.images_seen:
            path.unlink()
    save_checkpoint(folder, state)
