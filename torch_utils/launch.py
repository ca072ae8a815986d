"""Several processes on this machine, started by torch's elastic agent: one tree, one voice, one exit status."""

import logging
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch.distributed.elastic.agent.server.api import RunResult, WorkerGroup, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import RendezvousParameters
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

from torch_utils.worker import LAUNCHER

_STOPPING = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
_USER_ERROR_STATUS = 2
_GRACE = 3  # seconds between asking the survivors of a failure to end and ending them


@dataclass(frozen=True)
class Failure:
    """The first process that failed, and how."""

    rank: int
    pid: int
    status: int  # as the system tells it: negative for a signal
    told: str | None  # by the process itself

    def __str__(self) -> str:
        if self.told is not None:
            return self.told if self.status == _USER_ERROR_STATUS else f"rank {self.rank} failed first: {self.told}"
        if self.status < 0:
            name = signal.Signals(-self.status).name
            hint = " (was the memory full?)" if self.status == -signal.SIGKILL else ""
            return f"rank {self.rank} failed first: process {self.pid} was ended by {name}{hint}"
        return f"rank {self.rank} failed first: process {self.pid} ended with status {self.status}"

    @property
    def is_final(self) -> bool:
        """Whether starting again would mend nothing: it was asked for, or the user must change something."""
        return self.status in (*_STOPPING.values(), _USER_ERROR_STATUS)


def launch(command: Sequence[str], *, processes: int, max_restarts: int) -> int:
    """Run a command as so many processes that find each other by torchrun's environment; returns the exit status.

    SIGTERM, SIGINT, SIGHUP and SIGUSR1 are passed on to all. When one process fails the others are ended within
    seconds, and what it told is printed last. A second SIGINT ends all at once.
    """
    os.environ[LAUNCHER] = str(os.getpid())
    os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = "SIGQUIT"  # the others are handled here
    if "lo" in (name for _, name in socket.if_nameindex()):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # by default gloo looks up the host's name, and may fail
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // processes, 1)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # what failed is told here
    with tempfile.TemporaryDirectory(prefix="kaokore-") as folder:
        agent = _Agent(command, processes, max_restarts, folder)
        for number in (*_STOPPING, signal.SIGUSR1):
            signal.signal(number, agent.pass_on)
        result: RunResult = agent.run()  # type: ignore[assignment] - torch's decorator hides the types, here and below
    if not result.is_failed():
        return 0
    return agent.asked_to_stop or _tell(first_failure(result))


def first_failure(result: RunResult) -> Failure:
    """Of the processes that failed, the one that did so first."""
    rank, failure = min(result.failures.items(), key=lambda item: item[1].timestamp)
    message: Any = failure.error_file_data.get("message")
    told = message["message"] if isinstance(message, dict) else None
    return Failure(rank=rank, pid=failure.pid, status=failure.exitcode, told=told)


def _tell(failure: Failure) -> int:
    """Print the failure, unless it is an end that was asked for; returns the exit status that stands for it."""
    if failure.status in _STOPPING.values():
        return failure.status
    print(f"error: {failure}", file=sys.stderr, flush=True)
    return failure.status if failure.status > 0 else 1


class _Agent(LocalElasticAgent):
    """torch's agent for one machine, which passes signals on and does not start again what cannot succeed."""

    def __init__(self, command: Sequence[str], processes: int, max_restarts: int, folder: str):
        self.asked_to_stop = 0
        meeting = RendezvousParameters(
            backend="c10d",
            endpoint="localhost:0",
            run_id=uuid.uuid4().hex,
            min_nodes=1,
            max_nodes=1,
            local_addr="localhost",
        )
        spec = WorkerSpec(
            role="train",
            local_world_size=processes,
            entrypoint=command[0],
            args=tuple(command[1:]),
            rdzv_handler=get_rendezvous_handler(meeting),
            max_restarts=max_restarts,
            monitor_interval=0.1,
            local_addr="localhost",
        )
        super().__init__(spec, DefaultLogsSpecs(log_dir=folder))

    def pass_on(self, number: int, _: FrameType | None) -> None:
        """Give a signal to all processes; the second SIGINT ends them."""
        status = _STOPPING.get(signal.Signals(number), 0)
        again = number == signal.SIGINT and self.asked_to_stop
        self.asked_to_stop = self.asked_to_stop or status
        workers = [worker.id for worker in self.get_worker_group().workers if worker.id]
        for pid in workers:
            _send(pid, signal.SIGKILL if again else number)
        if not workers and status:
            sys.exit(status)

    def _start_workers(self, worker_group: WorkerGroup) -> dict[int, Any]:  # type: ignore[override]
        pids = super()._start_workers(worker_group)  # type: ignore[call-arg]
        context = self._pcontext
        assert context is not None
        close = context.close  # called when one has failed; by default the others would have half a minute
        context.close = lambda death_sig=None, timeout=30: close(death_sig, min(timeout, _GRACE))
        return pids

    def _monitor_workers(self, worker_group: WorkerGroup) -> RunResult:  # type: ignore[override]
        result = super()._monitor_workers(worker_group)  # type: ignore[call-arg]
        if result.is_failed() and self._remaining_restarts > 0:
            failure = first_failure(result)
            if failure.is_final or self.asked_to_stop:
                self._remaining_restarts = 0
            else:
                again = f"starting again from the newest checkpoint ({self._remaining_restarts} more times at most)"
                print(f"{failure}\n{again}", file=sys.stderr, flush=True)
        return result


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)
