"""One run a folder: the lock of `torch_utils.folder_lock`, told in the words of a download."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torch_utils.errors import StorageError
from torch_utils.folder_lock import only_writer


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Make the folder and hold its lock.

    Raises:
        StorageError: the folder cannot be made, or another run writes into it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(folder))
        except StorageError as error:
            cause = error.__cause__
            if isinstance(cause, BlockingIOError):
                raise StorageError(f"--dest {folder}: another run writes into it. Wait until it is done.") from error
            reason = cause.strerror if isinstance(cause, OSError) else "not writable"
            raise StorageError(f"--dest {folder}: cannot be made ({reason}). Choose another.") from error
        yield
