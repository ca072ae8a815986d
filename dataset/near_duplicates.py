"""Pictures that look alike: difference hashes of 256 bits, compared each with each."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 16  # the hash says of 16 × 16 places whether it gets brighter to the right
ALIKE = 20  # bits of 256 that may differ
FLAT = 2.0  # standard deviation of grey levels below which a picture shows nothing
ROWS_AT_ONCE = 256


def difference_hash(picture: Image.Image) -> np.ndarray:
    """256 bits that survive resizing and compression: uint64 [4]."""
    grey = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).view(np.uint64)


def is_flat(picture: Image.Image) -> bool:
    """Whether a picture is of one colour, as broken ones are."""
    return float(np.asarray(picture.convert("L"), np.float32).std()) < FLAT


def alike(hashes: np.ndarray, most: int = ALIKE) -> list[tuple[int, int, int]]:
    """Pairs (first, second, differing bits) that differ in at most `most` bits, the closest first.

    Args:
        hashes: uint64 [N, 4].
    """
    return sorted(_pairs(hashes, most), key=lambda pair: (pair[2], pair[0], pair[1]))


def _pairs(hashes: np.ndarray, most: int) -> Iterator[tuple[int, int, int]]:
    for start in range(0, len(hashes), ROWS_AT_ONCE):
        rows = hashes[start : start + ROWS_AT_ONCE]
        distances = np.zeros((len(rows), len(hashes) - start), np.uint16)
        for word in range(hashes.shape[1]):
            distances += np.bitwise_count(rows[:, None, word] ^ hashes[None, start:, word])
        for first, second in zip(*np.nonzero(distances <= most), strict=True):
            if second > first:
                yield start + int(first), start + int(second), int(distances[first, second])


def hash_text(found: np.ndarray) -> str:
    """A hash as 64 hexadecimal digits."""
    return found.tobytes().hex()


def bits_between(first: str, second: str) -> int:
    """Differing bits of two hashes written as text."""
    return (int(first, 16) ^ int(second, 16)).bit_count()
