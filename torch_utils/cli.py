"""The one place where errors meet the user: scripts call `run(command)` and nothing else catches."""

import os
import sys

import click

from torch_utils.errors import UserError
from torch_utils.memory import keep_freed_memory

USER_ERROR_STATUS = 2
INTERRUPTED_STATUS = 130
BROKEN_PIPE_STATUS = 141


def run(command: click.Command) -> None:
    """Run a click command; print any mendable error as one line on stderr and exit with status 2.

    Everything that is not a `UserError` or a usage error is our own fault and keeps its traceback.
    """
    status = 0
    keep_freed_memory()
    try:
        status = command.main(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.exceptions.NoArgsIsHelpError as request:
        print(request.format_message(), file=sys.stderr)
        sys.exit(USER_ERROR_STATUS)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()))
    except BrokenPipeError:  # nobody reads on, as after | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        sys.exit(BROKEN_PIPE_STATUS)
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED_STATUS)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(USER_ERROR_STATUS)
