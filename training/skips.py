"""Steps that were skipped because something was not finite, counted; a streak of them is raised."""

from dataclasses import dataclass
from pathlib import Path

from torch_utils.errors import DivergedError

MOST_SKIPPED = 10


@dataclass(eq=False)
class Streak(Exception):  # noqa: N818 - an end of nothing yet: who catches it goes back
    """So many skipped steps of one kind in a row, and what was not finite in the last of them."""

    step: str
    fault: str
    since: int  # images seen at the first of them
    images_seen: int

    def final(self, folder: Path, why: str) -> DivergedError:
        """The end of the run."""
        return DivergedError(
            f"{folder}: the gradient of step '{self.step}' was not finite {MOST_SKIPPED} times in a row (image "
            f"{self.images_seen}, first: {self.fault}){why}. Go on from an older snapshot with --resume and another "
            "--outdir, with a lower learning rate or --precision fp32."
        )


class Skips:
    """Counts, for each step, how often in a row it was skipped."""

    def __init__(self, counts: dict[str, list[int]] | None = None):
        self.counts = counts or {}  # by step: how often, and images seen at the first of them

    @property
    def running(self) -> bool:
        """Whether a streak may have begun: the checkpoints from before it must stay."""
        return bool(self.counts)

    def note(self, step: str, fault: str | None, images_seen: int) -> None:
        """Take in how a step ended; `fault` is what was not finite.

        Raises:
            Streak: that was one too many.
        """
        if fault is None:
            self.counts.pop(step, None)
            return
        times, since = self.counts.get(step, (0, images_seen))
        self.counts[step] = [times + 1, since]
        if times + 1 >= MOST_SKIPPED:
            raise Streak(step, fault, since, images_seen)
