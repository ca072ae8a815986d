"""Work only on the pictures that change."""

from collections.abc import Callable

from torch import Tensor


def change_rows(images: Tensor, changed: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Put `change(images[rows], rows)` in place of the pictures marked in `changed`; the others stay bit for bit.

    Args:
        images: [N, …].
        changed: bool, [N], on the CPU, so that nothing has to be waited for.
        change: gets the marked pictures and their numbers (int64, on the CPU), returns as many of the same shape.
    """
    rows = changed.nonzero()[:, 0]
    if len(rows) == 0:
        return images
    if len(rows) == len(images):
        return change(images, rows)
    there = rows.to(images.device, non_blocking=True)
    return images.index_copy(0, there, change(images.index_select(0, there), rows))
