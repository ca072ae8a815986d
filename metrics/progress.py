"""A bar on a terminal, nothing in a log."""

import sys
from collections.abc import Iterable, Iterator

from torch import Tensor
from tqdm import tqdm


def watched(batches: Iterable[Tensor], total: int, what: str) -> Iterator[Tensor]:
    """The same batches; on a terminal a bar counts their pictures."""
    with tqdm(total=total, desc=what, unit="pictures", disable=not sys.stderr.isatty(), leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))
