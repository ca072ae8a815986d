"""One of several processes of a launcher: it dies with its parent, and its failure is told once, by the launcher."""

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from torch_utils import distributed
from torch_utils.errors import UserError
from torch_utils.watch import LostError

LAUNCHER = "KAOKORE_LAUNCHER"  # set to its process number by our own launcher; torchrun knows nothing of it
_PR_SET_PDEATHSIG = 1  # prctl.h
_LINGER = 4.0  # seconds in which the launcher sees the culprit's end before that of those who waited for it


def die_with_parent() -> None:
    """Have the system send SIGTERM when the parent is gone, however it ended (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    launcher = os.environ.get(LAUNCHER)
    if launcher is not None and os.getppid() != int(launcher):  # it was gone before
        sys.exit(128 + signal.SIGTERM)


def fail(error: BaseException) -> NoReturn:
    """End this process over an error, so that the launcher can tell of it.

    Under torchrun, which prints its own summary, the error is raised on.
    """
    if isinstance(error, distributed.ElsewhereError):
        time.sleep(_LINGER)
        sys.exit(error.status)
    if isinstance(error, LostError):
        time.sleep(_LINGER)
    record(error)
    if LAUNCHER not in os.environ:
        raise error
    sys.exit(2 if isinstance(error, UserError) else 1)


def end_at_once(error: LostError) -> None:
    """The same from another thread, when the main one may never come back."""
    if "missing" in str(error):
        time.sleep(_LINGER)
    record(error)
    if LAUNCHER not in os.environ:
        print(f"rank {distributed.rank()}: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def record(error: BaseException) -> None:
    """Write the error where the elastic agent looks for it, in its own format."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path is None:
        return
    known = isinstance(error, UserError | LostError)
    text = str(error) if known else "".join(traceback.format_exception(error)).rstrip()
    extra = {"py_callstack": text, "timestamp": str(int(time.time()))}
    Path(path).write_text(json.dumps({"message": {"message": text, "extraInfo": extra}}), encoding="utf-8")
