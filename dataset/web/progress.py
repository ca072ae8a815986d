"""How far each host is: bars on a terminal, a line now and then elsewhere; with rate and time to go."""

import sys
import time
from collections.abc import Callable, Mapping

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Counts outcomes by host; use as a context manager."""

    def __init__(self, totals: Mapping[str, int], say: Callable[[str], None]):
        self._totals, self._say = dict(totals), say
        self._done, self._failed = dict.fromkeys(totals, 0), dict.fromkeys(totals, 0)
        self._start = self._last = time.monotonic()
        shown = sys.stderr.isatty()
        self._bars = {
            host: tqdm(total=total, desc=host, unit="pictures", position=place, leave=False, disable=not shown)
            for place, (host, total) in enumerate(totals.items())
        }
        self._lines = not shown

    def add(self, host: str, good: bool) -> None:
        """One more outcome of a host."""
        self._done[host] += 1
        self._failed[host] += not good
        self._bars[host].update()
        if self._failed[host]:
            self._bars[host].set_postfix(failed=self._failed[host], refresh=False)
        if self._lines and time.monotonic() - self._last > SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._say(self.line())

    def line(self) -> str:
        """All hosts in one line."""
        seconds = max(time.monotonic() - self._start, 1e-9)
        return "; ".join(self._of_host(host, seconds) for host in self._totals)

    def _of_host(self, host: str, seconds: float) -> str:
        done, total = self._done[host], self._totals[host]
        rate = done / seconds
        left = f", {minutes((total - done) / rate)} left" if done and done < total else ""
        failed = f", {self._failed[host]} failed" if self._failed[host] else ""
        return f"{host} {done}/{total}, {rate:.1f}/s{left}{failed}"

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        for bar in self._bars.values():
            bar.close()


def minutes(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
