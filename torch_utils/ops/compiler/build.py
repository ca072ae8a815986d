"""From sources to a library in the cache: once per key, whole or not at all, and never for ever."""

import os
import re
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torch_utils.errors import BuildError
from torch_utils.files import storage_error
from torch_utils.ops.compiler import flags
from torch_utils.ops.compiler.cache import cache_key, commit, find_intact, use, writable_folder
from torch_utils.ops.compiler.failures import BuildInterruptedError, forget, raise_remembered, remember
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.lock import Held, Say, build_lock
from torch_utils.ops.compiler.ninja_file import OUTPUT, build_files
from torch_utils.ops.compiler.pruning import prune
from torch_utils.ops.compiler.toolchain import Toolchain
from torch_utils.ops.compiler.watched import Outcome, run_watched

SECONDS = 900.0  # for one library; more means that something hangs
LAST_LINES = 12  # of the compiler, shown with a failure
_DAY = 86400.0
_NO_SPACE = "No space left on device"
_NO_MEMORY = re.compile("out of memory|cannot allocate memory|memory exhausted|Killed signal|Killed$", re.IGNORECASE)

Trial = Callable[[Library, Path, Callable[[], None]], None]  # what, its file, a sign of life; raises BuildError


@dataclass(frozen=True, kw_only=True)
class Builder:
    """What builds need besides the sources.

    folders: caches to look in; the first that is writable takes what is built.
    say: told what takes time.
    architectures, portable: of CUDA code, see `flags.cuda_flags`.
    trial: tries a new library before it is kept.
    check: called about every second; what it raises ends the build.
    seconds: after which a build is given up.
    retry: build what lately failed and would fail again.
    """

    toolchain: Toolchain
    folders: Sequence[Path]
    say: Say
    architectures: Sequence[str] = ()
    portable: bool = False
    trial: Trial | None = None
    check: Callable[[], None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    seconds: float = SECONDS
    retry: bool = False

    def build(self, library: Library) -> Path:
        """The library's file: from the cache, or built into it.

        Raises:
            BuildError: with the compiler's last lines.
            StorageError: the result cannot be stored.
        """
        if (reason := self.toolchain.missing(cuda=library.cuda)) is not None:
            raise BuildError(f"compiled ops: {reason}.")
        options = self._flags(library)
        entry = f"{library.name}-{cache_key(library, self.toolchain, (*options, *flags.link_flags()))}"
        if (found := find_intact(self.folders, entry)) is not None:
            return found
        folder = writable_folder(self.folders)
        try:
            patience = 2 * self.seconds
            with build_lock(folder / f"{entry}.lock", self.say, patience=patience, check=self.check) as held:
                if (found := use(folder / entry)) is not None:
                    return found
                return self._build(library, build_files(library, self.toolchain, options), folder / entry, held)
        except OSError as error:
            raise storage_error(folder, error) from error

    def _flags(self, library: Library) -> tuple[str, ...]:
        if not library.cuda:
            return flags.HOST
        assert self.toolchain.cuda is not None
        return flags.cuda_flags(self.architectures, self.toolchain.cuda.architectures, portable=self.portable)

    def _build(self, library: Library, files: Mapping[str, str], place: Path, held: Held) -> Path:
        """Build in a folder of this process's own; a failure is left to those who wait for it."""
        failed = place.with_name(f"{place.name}.failed")
        raise_remembered(failed, held, retry=self.retry)
        _sweep(place)
        began = time.monotonic()
        self.say(
            f"building {library.name} with {'nvcc' if library.cuda else 'the C++ compiler'}, once for this machine"
        )
        made = place.with_name(f".{place.name}.tmp-{socket.gethostname()}-{os.getpid()}")
        try:
            made.mkdir(mode=0o700)
            for name, text in files.items():
                (made / name).write_text(text, encoding="utf-8")
            self._compile(library, made, held)
            for leftover in made.glob("*.o"):
                leftover.unlink()
            path = commit(made, place)
        except BuildInterruptedError:
            raise
        except BuildError as error:
            remember(failed, error)
            raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        self.say(f"built {library.name} in {time.monotonic() - began:.1f} s")
        forget(failed)
        use(place)
        with suppress(OSError):  # the build went well all the same
            prune(place.parent, library.name)
        return path

    def _compile(self, library: Library, made: Path, held: Held) -> None:
        """Run ninja, then try what it made."""
        assert self.toolchain.ninja is not None

        def beat() -> None:
            self.check()
            held.beat()

        # A killed compiler's temporary files go with the folder; what the others say is understood in English.
        environment = {**self.environment, "TMPDIR": os.fspath(made), "LC_ALL": "C.UTF-8"}
        command = [self.toolchain.ninja, "-v"]
        try:
            outcome = run_watched(command, folder=made, environment=environment, seconds=self.seconds, beat=beat)
        except OSError as error:
            raise BuildError(f"{library.name}: {command[0]} does not run ({error.strerror}).") from error
        if outcome.status != 0:
            raise self._failure(library, outcome, made.parent)
        (made / "build.log").write_text(outcome.output, encoding="utf-8")
        if self.trial is not None:
            self.trial(library, made / OUTPUT, beat)

    def _failure(self, library: Library, outcome: Outcome, folder: Path) -> BuildError:
        """What to say of a build that did not end well, with the compilers' own lines, not ninja's."""
        assert self.toolchain.host is not None
        programs = [self.toolchain.host.command[0], *([self.toolchain.cuda.nvcc] if self.toolchain.cuda else [])]
        not_theirs = ("ninja:", "[", "FAILED:", *(f"{shlex.quote(os.fspath(program))} " for program in programs))
        lines = [line for line in outcome.output.splitlines() if line.strip() and not line.startswith(not_theirs)]
        details = lines[-LAST_LINES:]
        lasting = False
        if outcome.status is None:
            message = f"{library.name}: not built within {self.seconds:g} s. Is the machine overloaded?"
        elif any(_NO_SPACE in line for line in lines):
            message = f"{library.name}: not built, no space left in {folder}. Free some."
        else:
            message = f"{library.name}: not built, the compiler failed. Its last lines follow."
            lasting = not any(_NO_MEMORY.search(line) for line in lines)
        return BuildError(message, details, lasting=lasting)


def _sweep(place: Path) -> None:
    """Remove what killed builds of an entry left; of other machines only what is older than a day."""
    here = f".{place.name}.tmp-{socket.gethostname()}-"
    for path in place.parent.glob(f".{place.name}.tmp-*"):
        process = path.name.removeprefix(here)
        with suppress(OSError):
            if process.isdecimal():
                dead = not Path(f"/proc/{process}").exists() or int(process) == os.getpid()
            else:
                dead = time.time() - path.stat().st_mtime > _DAY
            if dead:
                shutil.rmtree(path)
