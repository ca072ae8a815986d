"""How the C library hands out memory: large tensors are kept for the next one instead of being returned each time."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_NEVER, _LARGEST_KEPT = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory; true where it was done (Linux with glibc), else nothing changes.

    By default each tensor above some hundred kilobytes is mapped afresh and its pages are faulted in one by one, which
    costs as much as the computation itself: a generator's forward pass at 256 pixels took 2.3 times as long
    (docs/decisions/0006). The peak stays the same; what was freed is not given back before the end.
    """
    if not sys.platform.startswith("linux"):
        return False
    options = ((_MMAP_THRESHOLD, _LARGEST_KEPT), (_TRIM_THRESHOLD, _NEVER))
    try:
        libc = ctypes.CDLL("libc.so.6")
        return all(libc.mallopt(option, value) for option, value in options)
    except (OSError, AttributeError):  # another C library
        return False
