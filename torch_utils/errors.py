"""Errors a user can mend: one line that says what, the value and the remedy."""

from collections.abc import Sequence

from torch_utils.text import printable


class UserError(Exception):
    """Something the user can put right. Printed as one line, without traceback, exit status 2.

    Names and values from outside stand in it, so line ends and control characters are shown escaped.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


class ConfigError(UserError):
    """An option is unknown, has the wrong type, or contradicts another."""


class DataError(UserError):
    """A picture, an archive or a label file is missing, damaged or not of the expected form."""


class SnapshotError(UserError):
    """A snapshot or a checkpoint is missing, damaged or of another kind."""


class DivergedError(UserError):
    """Training whose numbers ran away: options must change."""


class StorageError(UserError):
    """A file could not be written: disk full, read-only, no permission."""


class BuildError(UserError):
    """A compiled op could not be built, loaded or trusted.

    Args:
        details: the compiler's last lines.
        lasting: whether the same build would fail again, as far as one can tell.
    """

    def __init__(self, message: str, details: Sequence[str] = (), *, lasting: bool = False):
        super().__init__(message)
        self.lasting = lasting
        self.details = tuple(printable(line) for line in details)
