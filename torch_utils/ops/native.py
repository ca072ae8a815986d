"""Loading the compiled bodies of the ops: build what this machine can, say what it cannot, never at import.

A loaded body takes the place of the plain one under the same name, for the rest of the process.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from torch_utils.errors import BuildError, ConfigError, StorageError
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.cache import cache_folders
from torch_utils.ops.compiler.failures import BuildInterruptedError
from torch_utils.ops.compiler.library import SOURCES, Library, libraries
from torch_utils.ops.compiler.lock import Say
from torch_utils.ops.compiler.toolchain import Toolchain, find_toolchain
from torch_utils.ops.layout import prefer_channels_last
from torch_utils.ops.trial import in_a_process_of_its_own

OpsMode = Literal["auto", "cuda", "reference"]

# What the plain bodies cost, as measured; named when they must do.
SLOWER = {
    "cpu": "a training iteration takes about twice as long (64 pixels, one thread, docs/results.md)",
    "cuda": "a training iteration takes 1.3 to 1.9 times as long, StyleGAN3's 6 to 10 times (H200, docs/results.md)",
}


@dataclass(frozen=True)
class LoadedOps:
    """The libraries whose bodies are in use, by name."""

    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"compiled ops: {', '.join(self.names) or 'none'}"


def load_ops(
    mode: OpsMode,
    device: torch.device,
    say: Say,
    *,
    sources: Path = SOURCES,
    environment: Mapping[str, str] = os.environ,
) -> LoadedOps:
    """Load the compiled bodies for a device, building those that are not in the cache. A second call loads nothing.

    Args:
        mode: "auto" goes on with plain bodies where there are no others and says so once; "cuda" does not go on
            without CUDA bodies; "reference" loads nothing (what is loaded already stays).
        say: told what takes time and what fails, a line at a time.
    Raises:
        ConfigError, BuildError, StorageError: in mode "cuda" alone.
    """
    if mode == "reference":
        return LoadedOps()
    on_gpu = device.type == "cuda"
    if mode == "cuda" and not on_gpu:
        raise ConfigError(f"--ops cuda: this runs on the {device.type}, where CUDA ops are of no use. Use --ops auto.")
    wanted = libraries(cuda=on_gpu, folder=sources)
    if mode == "cuda" and not any(library.cuda for library in wanted):
        raise BuildError(f"--ops cuda: there are no CUDA sources in {sources}. Use --ops auto.")
    builder = builder_for(find_toolchain(cuda=on_gpu, environment=environment), device, say, environment)
    builder = replace(builder, retry=mode == "cuda")
    loaded: list[str] = []
    failures: dict[Library, BuildError | StorageError] = {}
    for library, path in zip(wanted, build_all(builder, wanted), strict=True):
        try:
            load_library(library, path.result())
            if not library.cuda:
                prefer_channels_last("cpu")
            loaded.append(library.name)
        except (BuildError, StorageError) as error:
            failures[library] = error
    if failures:
        _report(failures, mode, device, say)
    return LoadedOps(tuple(loaded))


def builder_for(
    toolchain: Toolchain, device: torch.device, say: Say, environment: Mapping[str, str] = os.environ
) -> Builder:
    """Builds for the cards of this machine, into the user's cache, and tries what it has built."""
    return Builder(
        toolchain=toolchain,
        folders=cache_folders(environment),
        say=say,
        architectures=_card_architectures() if device.type == "cuda" else (),
        trial=partial(in_a_process_of_its_own, environment=environment),
        environment=environment,
    )


def build_all(builder: Builder, wanted: Sequence[Library]) -> list[Future[Path]]:
    """Build libraries side by side; an interruption ends them all. What failed raises from its future."""
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise BuildInterruptedError("interrupted")

    builder = replace(builder, check=check)
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        futures = [pool.submit(builder.build, library) for library in wanted]
        try:
            wait(futures)
        except BaseException:
            stop.set()
            raise
    return futures


def load_library(library: Library, path: Path) -> None:
    """Put a library's bodies in use, once; its trial has shown that they work.

    Raises:
        BuildError: it cannot be loaded.
    """
    if os.fspath(path) in torch.ops.loaded_libraries:
        return
    try:
        torch.ops.load_library(path)
    except OSError as error:
        reason = error.__cause__ or error  # torch wraps the loader's own words
        raise BuildError(f"{library.name}: built, but it cannot be loaded ({reason}).") from error


def _report(
    failures: Mapping[Library, BuildError | StorageError], mode: OpsMode, device: torch.device, say: Say
) -> None:
    """One warning for all that failed, with the compilers' last lines; in mode "cuda" an error if CUDA's did."""
    needed = [error for library, error in failures.items() if library.cuda and mode == "cuda"]
    reasons = list(dict.fromkeys(str(error) for error in needed or failures.values()))
    details = [line for error in needed or failures.values() for line in getattr(error, "details", ())]
    for line in details if needed else ():
        say(f"  | {line}")
    if needed:
        raise BuildError(f"--ops cuda: {' '.join(reasons)}", details) from needed[0]
    names = ", ".join(library.name for library in failures)
    say(
        f"warning: {' '.join(reasons)} Plain PyTorch does the work of {names}: same results within rounding, but "
        f"{SLOWER[device.type]}. More: python -m torch_utils.ops.doctor. To silence this: --ops reference."
    )
    for line in details:
        say(f"  | {line}")


def _card_architectures() -> tuple[str, ...]:
    """Compute capabilities of the cards here, such as ("90",)."""
    pairs = {torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())}
    return tuple(f"{major}{minor}" for major, minor in sorted(pairs))
