"""Builds that failed, remembered beside the cache's entries, so that they are not all repeated.

Those who waited for a build take its failure, whatever it was. A failure that would come again (the compiler's error, a
library that computes wrongly) stands for a day: a later start says it at once instead of compiling in vain. Another
key, which sources, flags, compilers and torch decide, is another build; who asks explicitly tries again.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

from torch_utils.errors import BuildError
from torch_utils.ops.compiler.lock import Held

_DAY = 86400.0


class BuildInterruptedError(BuildError):
    """This process ended its build itself: no failure, and nobody else's business."""


def remember(path: Path, error: BuildError) -> None:
    """Write a failure down."""
    failure = {"message": str(error), "details": error.details, "lasting": error.lasting}
    with suppress(OSError):  # a full disk: then others repeat it
        path.write_text(json.dumps(failure), encoding="utf-8")


def forget(path: Path) -> None:
    """The build went well."""
    with suppress(OSError):
        path.unlink()


def raise_remembered(path: Path, held: Held, *, retry: bool) -> None:
    """Raise the failure that would come again, or that this process has waited for.

    Args:
        retry: only the latter.
    """
    try:
        age = abs(time.time() - path.stat().st_mtime)  # clocks of a network differ
        failure = json.loads(path.read_text(encoding="utf-8"))
        error = BuildError(failure["message"], failure["details"], lasting=failure["lasting"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or a damaged one
        return
    if age <= held.waited or (error.lasting and not retry and age < _DAY):
        raise error
