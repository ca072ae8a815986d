"""One of several processes of a launcher: it dies with its parent, and its failure is told once, by the launcher."""

import ctypes
import json
import os
import signal
import subprocess
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
_PATIENCE = 15  # seconds for torchrun to end by itself
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
        if isinstance(error, LostError) and error.cut_off:
            _end_launcher_later()
        raise error
    sys.exit(2 if isinstance(error, UserError) else 1)


def end_at_once(error: LostError) -> None:
    """The same from another thread, when the main one may never come back."""
    if "missing" in str(error):
        time.sleep(_LINGER)
    record(error)
    if LAUNCHER not in os.environ:
        print(f"rank {distributed.rank()}: {error}", file=sys.stderr, flush=True)
        if error.cut_off:
            _end_launcher_later()
    os._exit(1)


def _end_launcher_later() -> None:
    """Have torchrun ended if it does not end by itself.

    On a machine that is cut off it asks the main one's store for ever: torch's store knows no time limit there, and
    signals that Python handles do not reach it.
    """
    launcher = os.pidfd_open(os.getppid())  # holds on to that very process, whatever becomes of its number
    program = f"import signal, time; time.sleep({_PATIENCE}); signal.pidfd_send_signal({launcher}, signal.SIGKILL)"
    subprocess.Popen([sys.executable, "-c", program], pass_fds=[launcher], start_new_session=True)


def record(error: BaseException) -> None:
    """Write the error where the elastic agent looks for it, in its own format."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path is None:
        return
    known = isinstance(error, UserError | LostError)
    text = str(error) if known else "".join(traceback.format_exception(error)).rstrip()
    extra = {"py_callstack": text, "timestamp": str(int(time.time()))}
    Path(path).write_text(json.dumps({"message": {"message": text, "extraInfo": extra}}), encoding="utf-8")
