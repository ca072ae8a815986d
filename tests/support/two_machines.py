"""Two machines for a test: network namespaces joined by a cable that can be pulled out."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.real_run import command


def why_not() -> str | None:
    """Why this machine cannot play two, or None."""
    if shutil.which("ip") is None:
        return "no network namespaces: the program ip is missing (apt install iproute2)"
    done = subprocess.run(["ip", "netns", "add", _name("try")], capture_output=True, text=True)
    if done.returncode:
        return f"no network namespaces: {done.stderr.strip()}"
    _ip("netns", "del", _name("try"))
    return None


@dataclass(frozen=True)
class Machine:
    """A namespace with one network card."""

    name: str
    card: str
    address: str

    def start(self, words: list[str], repository: Path) -> subprocess.Popen:
        """Start a program there; its output is collected."""
        environment = os.environ | {"GLOO_SOCKET_IFNAME": self.card, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *words],
            cwd=repository,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unplug(self) -> None:
        """Pull the cable: nothing comes through, and nobody is told."""
        _ip("-n", self.name, "link", "set", self.card, "down")

    def plug(self) -> None:
        """Put it back."""
        _ip("-n", self.name, "link", "set", self.card, "up")


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Both, with a cable between them; taken apart in the end."""
    machines = tuple(Machine(_name(end), f"{end}{os.getpid()}", f"10.77.0.{n}") for n, end in enumerate("ab", start=1))
    one, other = machines
    try:
        for machine in machines:
            _ip("netns", "add", machine.name)
        cable = ["link", "add", one.card, "netns", one.name, "type", "veth"]
        _ip(*cable, "peer", "name", other.card, "netns", other.name)
        for machine in machines:
            _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", machine.card)
            _ip("-n", machine.name, "link", "set", "lo", "up")
            machine.plug()
        yield one, other
    finally:
        for machine in machines:
            subprocess.run(f"ip netns pids {machine.name} | xargs -r kill -9", shell=True, capture_output=True)
            subprocess.run(["ip", "netns", "del", machine.name], capture_output=True)


def torchrun(machine: Machine, main: Machine, data: Path, folder: Path, *more: object) -> list[str]:
    """A tiny run of train.py as the documentation starts it on each of two machines."""
    _, *training = command(data, folder, *more)
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{main.address}:29777", "--rdzv-id", "two-machines"]
    words = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *meeting]
    hosts = f"is_host={int(machine is main)}"  # names of machines mean nothing here, so it must be said
    return [*words, "--rdzv-conf", hosts, "--local-addr", machine.address, *training]


def _name(end: str) -> str:
    return f"kaokore-{os.getpid()}-{end}"


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
