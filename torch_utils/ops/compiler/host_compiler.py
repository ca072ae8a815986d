"""Finding a C++ compiler for this machine."""

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from torch_utils.ops.compiler.probe import ProbeError, Rejected, ask

OLDEST = {"g++": 9, "clang": 9}  # major versions from which C++17 and torch's headers compile
_USUAL = ("g++", "c++", "clang++")
_VERSION = re.compile(r"version (\d+)\.|\) (\d+)\.")  # of clang, of g++


@dataclass(frozen=True)
class HostCompiler:
    """A C++ compiler that answers: its command, perhaps with a launcher and options, and its version line."""

    command: tuple[str, ...]
    version: str

    @property
    def program(self) -> str:
        """The compiler itself, without a launcher before it and options behind."""
        return [word for word in self.command if not word.startswith("-")][-1]


def find_host_compiler(
    environment: Mapping[str, str] = os.environ,
) -> tuple[HostCompiler | None, tuple[Rejected, ...]]:
    """$CXX if it is set, then g++, c++ and clang++ of the PATH; the first that answers and is new enough."""
    rejected: list[Rejected] = []
    named = shlex.split(environment.get("CXX", ""))
    for words in [named, *([name] for name in _USUAL)]:
        if not words:
            continue
        label = f"$CXX ({' '.join(words)})" if words is named else words[0]
        program = shutil.which(words[0], path=environment.get("PATH", ""))
        if program is None:
            rejected.append(Rejected(label, "not found on the PATH"))
            continue
        command = (program, *words[1:])
        try:
            version = ask([*command, "--version"], environment).partition("\n")[0]
        except ProbeError as error:
            rejected.append(Rejected(f"{label} ({program})", str(error)))
            continue
        if reason := _too_old(version):
            rejected.append(Rejected(f"{label} ({program})", reason))
            continue
        return HostCompiler(command, version), tuple(rejected)
    return None, tuple(rejected)


def _too_old(version: str) -> str | None:
    """Why a compiler with this version line will not do."""
    match = _VERSION.search(version)
    if match is None:
        return f"does not say its version ({version or 'no output'})"
    major, oldest = int(match[1] or match[2]), OLDEST["clang" if "clang" in version else "g++"]
    return f"version {major} is too old, {oldest} or newer is needed" if major < oldest else None
