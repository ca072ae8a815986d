"""Many pictures from several hosts at once: a few threads a host, each picture tried, checked and written whole."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import tenacity

from dataset.decode import PictureError
from dataset.web.acceptance import Expected, WrongSizeError, accept
from dataset.web.http import Answer, RefusedError, UnsettledError, Web
from dataset.web.journal import Entry, Journal
from dataset.web.manners import Host, Manners, Run, StoppedError, Turn
from torch_utils.files import atomic_write

NEXT_RUNG = frozenset({400, 404, 501})  # what servers say to a request they do not like, not to a picture they lack
ACCEPT = "image/jpeg,image/png;q=0.9,image/*;q=0.5"


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One way to ask for a picture.

    Attributes:
        name: as it will stand in the journal; "" for the address as it is listed.
        finish: makes the file from the body (a local resize); None keeps the bytes as they came.
        expected: size of the body.
    """

    name: str
    url: str
    expected: Expected
    finish: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to fetch.

    Attributes:
        rungs: ways to ask, best first; the next is tried when a server does not like the request.
        facts: written into the journal as they are.
        etag: of the file that is there; it is kept where the server says that nothing has changed.
    """

    name: str
    host: str
    path: Path
    rungs: Sequence[Rung]
    facts: Entry
    etag: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its journal entry, or the reason why there is none."""

    job: Job
    entry: Entry | None
    reason: str = ""


class Downloads:
    """Runs jobs; iterate over it for the outcomes as they come, in a `with` block that ends all threads.

    Files are complete or absent, and in the journal as soon as they are there.
    """

    def __init__(self, jobs: Sequence[Job], web: Web, manners: Manners, journal: Journal, bad: Path):
        self._web, self._manners, self._journal, self._bad = web, manners, journal, bad
        self._run = Run(manners)
        self._outcomes: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self._count = len(jobs)
        by_host: dict[str, list[Job]] = {}
        for job in jobs:
            by_host.setdefault(job.host, []).append(job)
        self.hosts = {name: Host(name, self._run) for name in by_host}
        self._threads = [
            threading.Thread(target=self._work, args=(self.hosts[name], waiting), daemon=True)
            for name, waiting in ((name, _queue(jobs)) for name, jobs in by_host.items())
            for _ in range(min(manners.per_host, len(by_host[name])))
        ]

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._run.requests

    def __enter__(self) -> "Downloads":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._run.stop.set()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Outcome]:
        for _ in range(self._count):
            outcome = self._outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome

    def _work(self, host: Host, waiting: "queue.SimpleQueue[Job]") -> None:
        with suppress(queue.Empty):
            while True:
                job = waiting.get_nowait()
                try:
                    self._outcomes.put(self._fetch(host, job))
                except BaseException as error:
                    self._outcomes.put(error)  # ours, or a disk that is full: the main thread raises it
                    return

    def _fetch(self, host: Host, job: Job) -> Outcome:
        """Climb down the rungs until one gives the picture."""
        reason, tries = "", 0
        for rung in job.rungs:
            attempts = _Attempts(self._manners, self._run)
            try:
                for attempt in attempts.retrying:
                    with attempt:
                        tries += 1
                        return Outcome(job, self._attempt(host, job, rung, tries))
            except RefusedError as error:
                reason = str(error)
                if error.status not in NEXT_RUNG:
                    break
            except _UnacceptableError as error:
                reason = str(error)
                if not error.other_size:
                    break
            except UnsettledError as error:
                reason = str(error)
                break
            except StoppedError as error:
                reason = str(error)
                break
        return Outcome(job, None, f"{reason} (tries: {tries})" if tries else reason)

    def _attempt(self, host: Host, job: Job, rung: Rung, tries: int) -> Entry:
        with Turn(host) as turn:
            try:
                answer = self._web.get(rung.url, before=turn.take, etag=job.etag, accept=ACCEPT)
            except UnsettledError as error:
                host.went_badly(str(error), wait=error.wait, overloaded=error.overloaded)
                raise
            except RefusedError:
                host.went_well()
                raise
        if answer.body is None:
            host.went_well()
            return self._journal.entries[job.name]
        entry, content = self._examine(host, job, rung, answer, answer.body, tries)
        host.went_well()
        with atomic_write(job.path) as temporary:
            temporary.write_bytes(content)
        self._journal.add(entry)
        (self._bad / job.name).unlink(missing_ok=True)
        return entry

    def _examine(
        self, host: Host, job: Job, rung: Rung, answer: Answer, body: bytes, tries: int
    ) -> tuple[Entry, bytes]:
        try:
            accepted = accept(body, rung.expected)
            content = rung.finish(body) if rung.finish else body
            if rung.finish:
                accepted = accept(content, Expected("any"))
        except PictureError as error:
            host.went_badly(str(error))
            with atomic_write(self._bad / job.name) as temporary:
                temporary.write_bytes(body)
            raise _UnacceptableError(str(error), other_size=isinstance(error, WrongSizeError)) from error
        entry: Entry = job.facts | {
            "url": rung.url,
            "final_url": answer.url,
            "status": "fetched",
            "fallback": rung.name or None,
            "attempts": tries,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            **asdict(accepted),
            "etag": answer.headers.get("ETag"),
            "last_modified": answer.headers.get("Last-Modified"),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return entry, content


class _UnacceptableError(UnsettledError):
    """A body that is not the picture: kept under bad/, and asked for again."""

    def __init__(self, reason: str, *, other_size: bool):
        super().__init__(reason)
        self.other_size = other_size


class _Attempts:
    """Tries of one address: longer and longer pauses with chance in them, or what the server asks for."""

    def __init__(self, manners: Manners, run: Run):
        self._growing = tenacity.wait_exponential_jitter(
            multiplier=manners.first_wait, max=manners.max_wait, jitter=manners.first_wait
        )
        self._max_wait = manners.max_wait
        self.retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(manners.attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception(_worth_another_try),
            sleep=run.sleep,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UnsettledError) and error.wait is not None:
            return min(error.wait, self._max_wait)
        return self._growing(state)


def _worth_another_try(error: BaseException) -> bool:
    """A wrong size will come again from the same address; the next rung may do better."""
    return isinstance(error, UnsettledError) and not (isinstance(error, _UnacceptableError) and error.other_size)


def _queue(jobs: Sequence[Job]) -> "queue.SimpleQueue[Job]":
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    return waiting
