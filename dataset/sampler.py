"""Which pictures are shown when: a pure function of the seed and of how many were shown before."""

import numpy as np

from torch_utils.seeds import derive


class Sampler:
    """An endless shuffled walk through `count` pictures, each once an epoch; with `mirror` also each one flipped.

    Picture number k of the run is the same whatever the batch, the number of processes or where the run was resumed.
    """

    def __init__(self, count: int, *, seed: int, mirror: bool = False):
        self.count, self.seed, self.mirror = count, seed, mirror
        self.epoch_length = count * (2 if mirror else 1)
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def at(self, first: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures number first … first + length - 1 of the run: (indices [length], flipped [length])."""
        numbers = np.array([self._number(k) for k in range(first, first + length)], np.int64)
        return numbers % self.count, numbers >= self.count

    def _number(self, k: int) -> int:
        epoch, place = divmod(k, self.epoch_length)
        if epoch != self._epoch:
            order = np.random.Generator(np.random.PCG64(derive(self.seed, "order", epoch)))
            self._epoch, self._order = epoch, order.permutation(self.epoch_length)
        return int(self._order[place])
