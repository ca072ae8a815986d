"""A new library's first run, in a process of its own, so that one that crashes or computes wrongly is never used.

    python -m torch_utils.ops.trial LIBRARY DEVICE

Loads the library, compares each op it has a body for with the plain one, and gives each arguments that it must refuse.
Prints what is wrong; exit status 3 then.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from torch_utils.errors import BuildError
from torch_utils.ops.cases import CASES, Case, Pictures
from torch_utils.ops.comparison import compare
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.watched import run_watched
from torch_utils.ops.plain import compiled_ops


class TrialError(BuildError):
    """A library that was built breaks, or computes something else than the plain bodies: a fault of ours."""


FAILED, DIFFERS = 1, 3  # exit status; Python's own for an error is 1
_SECONDS = 300.0  # torch's import from a slow disk, and a GPU's start, are in it
_REPOSITORY = Path(__file__).resolve().parent.parent.parent


def try_library(library: Path, device_type: str) -> list[str]:
    """What differs from the plain bodies once a library is loaded."""
    torch.ops.load_library(library)
    has = compiled_ops(device_type, [case.op for case in CASES])
    pictures = Pictures(device=device_type)
    cases = [case for case in CASES if case.op in has]
    results = [compare(case, pictures) for case in cases]
    each = {case.op: case for case in cases}.values()
    return [str(result) for result in results if not result.agrees] + [
        f"{case.op}: takes a tensor that does not fit" for case in each if not refuses(case, pictures)
    ]


def refuses(case: Case, pictures: Pictures) -> bool:
    """Whether the op answers a tensor without dimensions with an error: one thrown in our library, caught in torch."""
    _, *others = case.arguments(pictures)
    try:
        case.overload(torch.zeros((), device=pictures.device), *others)
    except RuntimeError:
        return True
    return False


def in_a_process_of_its_own(
    library: Library, path: Path, beat: Callable[[], None], environment: Mapping[str, str] = os.environ
) -> None:
    """Try a library's file without loading it here.

    Raises:
        TrialError: it crashes, hangs or computes something else than the plain bodies.
    """
    command = [sys.executable, "-m", "torch_utils.ops.trial", path, "cuda" if library.cuda else "cpu"]
    outcome = run_watched(command, folder=_REPOSITORY, environment=environment, seconds=_SECONDS, beat=beat)
    if outcome.status == 0:
        return
    lines = [line for line in outcome.output.splitlines() if line.strip()]
    # Time and memory may be there another time: the system's killer, and a GPU that others fill.
    lasting = outcome.status not in (None, -signal.SIGKILL) and "out of memory" not in outcome.output
    if outcome.status is None:
        reason = f"its first run did not end within {_SECONDS:g} s"
    elif outcome.status < 0:
        reason = f"its first run crashed (signal {-outcome.status})"
    elif outcome.status == DIFFERS:
        reason = "it does not agree with the plain bodies"
    else:
        reason = "its first run failed"
    raise TrialError(f"{library.name}: built, but {reason}.", lines[-12:], lasting=lasting)


def main(words: list[str]) -> int:
    """The exit status of the command line."""
    library, device_type = words
    try:
        offences = try_library(Path(library), device_type)
    except OSError as error:
        print(error.__cause__ or error)  # torch wraps the loader's own words
        return FAILED
    print("\n".join(offences))
    return DIFFERS if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
