"""Pictures that show the same thing: alike in small and in colour, and then the same lines, perhaps a little shifted.

Difference hashes do not do here: on KaoKore's crops, overlapping ones differ in 50 to 140 of 256 bits, as strangers do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

SMALL, FINE, SHIFT = 8, 48, 6  # pixels: sides of the two thumbnails, and how far the second is shifted each way
CANDIDATES = 0.85  # correlation of the small thumbnails from which the fine ones are compared
ALIKE = 0.97  # correlation of the fine thumbnails at the best shift
FLAT = 2.0  # standard deviation of grey levels below which a picture shows nothing
ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Look:
    """What a picture looks like: float32 [SMALL·SMALL·3] of zero mean and length one; uint8 [FINE, FINE]; if empty."""

    small: np.ndarray
    fine: np.ndarray
    is_flat: bool


def look_of(picture: Image.Image) -> Look:
    """Two thumbnails of a picture in any 8-bit mode."""
    small = np.asarray(picture.convert("RGB").resize((SMALL, SMALL), Image.Resampling.BOX), np.float32).ravel()
    grey = picture.convert("L")
    blurred = grey.resize((FINE // 2, FINE // 2), Image.Resampling.BOX)  # lines between pixels shall fit as well
    fine = np.asarray(blurred.resize((FINE, FINE), Image.Resampling.BICUBIC))
    return Look(_normalised(small), fine, float(np.asarray(grey, np.float32).std()) < FLAT)


def near_duplicates(looks: Sequence[Look]) -> list[tuple[int, int, float]]:
    """Pairs (first, second, correlation) that show the same, the most alike first."""
    pairs = ((first, second, _best(looks[first].fine, looks[second].fine)) for first, second in _candidates(looks))
    return sorted((pair for pair in pairs if pair[2] > ALIKE), key=lambda pair: (-pair[2], pair[0], pair[1]))


def _candidates(looks: Sequence[Look]) -> Iterator[tuple[int, int]]:
    small = np.stack([look.small for look in looks])
    for start in range(0, len(small), ROWS_AT_ONCE):
        close = np.triu(small[start : start + ROWS_AT_ONCE] @ small[start:].T, 1) > CANDIDATES
        yield from ((start + int(first), start + int(second)) for first, second in np.argwhere(close))


def _best(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of the middle of the first with the piece of the second that fits it best."""
    side = FINE - 2 * SHIFT
    middle = _normalised(first[SHIFT:-SHIFT, SHIFT:-SHIFT].astype(np.float32).ravel())
    pieces = np.lib.stride_tricks.sliding_window_view(second, (side, side)).reshape(-1, side * side).astype(np.float32)
    pieces -= pieces.mean(1, keepdims=True)
    lengths = np.maximum(np.linalg.norm(pieces, axis=1), 1e-6)
    return float(((pieces @ middle) / lengths).max())


def _normalised(values: np.ndarray) -> np.ndarray:
    values = values - values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)
