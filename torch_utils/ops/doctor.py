"""What is wrong with the compiled ops here? Looks, builds, loads, compares, times, and says it in one line.

    python -m torch_utils.ops.doctor

Works without a compiler and without a GPU. Exit status: 0 all is well, 1 a compiled op computes something else than its
plain twin or breaks (a bug of ours: please report it), 2 something is missing, and plain ops are used instead.
"""

import os
import platform
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import torch

from torch_utils.cli import run
from torch_utils.devices import pick_device
from torch_utils.errors import BuildError, StorageError
from torch_utils.ops.cases import CASES, Pictures
from torch_utils.ops.comparison import STAGES, compare
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.cache import cache_folders, writable_folder
from torch_utils.ops.compiler.library import SOURCES, Library, libraries
from torch_utils.ops.compiler.toolchain import Toolchain, find_toolchain
from torch_utils.ops.native import build_all, builder_for, load_library
from torch_utils.ops.plain import compiled_ops, plain
from torch_utils.ops.timing import milliseconds
from torch_utils.ops.trial import TrialError
from torch_utils.version import PROJECT_VERSION

WELL, BROKEN, MISSING = 0, 1, 2
_DRIVER = Path("/proc/driver/nvidia/version")
_TIMED = {"cpu": Pictures(count=8, channels=64, size=64), "cuda": Pictures(count=16, channels=64, size=256)}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Whose ops to look at.")
@click.option(
    "--compile-for", metavar="LIST", help="Compile the CUDA ops for these cards too, e.g. 80,90,100; no GPU needed."
)
@click.option(
    "--threads", default=1, type=click.IntRange(min=1), help="Threads of the CPU computations that are timed."
)
def main(device: str, compile_for: str | None, threads: int) -> int:
    """Say what the compiled ops need, have and do on this machine.

    Exit status: 0 all is well, 1 a compiled op is wrong (please report it), 2 something is missing.
    """
    torch.set_num_threads(threads)
    return examine(pick_device(device), compile_for=compile_for.split(",") if compile_for else ())


def examine(
    where: torch.device,
    *,
    compile_for: Sequence[str] = (),
    sources: Path = SOURCES,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Print everything about one device's ops; returns the exit status."""
    toolchain = find_toolchain(cuda=True, environment=environment)
    wanted = libraries(cuda=True, folder=sources)
    for line in facts(toolchain, wanted, environment):
        click.echo(line)
    builder = replace(builder_for(toolchain, where, lambda line: click.echo(f"  {line}"), environment), retry=True)
    here = [library for library in wanted if where.type == "cuda" or not library.cuda]
    failures = prepare(here, builder)
    failures += compile_only(builder, [library for library in wanted if library.cuda], compile_for)
    has = compiled_ops(where.type, sorted({case.op for case in CASES}))
    differing = 0
    for line, agrees in table(where, has):
        click.echo(line)
        differing += not agrees
    status, words = verdict(failures, differing, len(has))
    click.echo(f"verdict: {words} [{summary(toolchain, where)}]")
    return status


def facts(toolchain: Toolchain, wanted: Sequence[Library], environment: Mapping[str, str]) -> Iterator[str]:
    """What was found, and every candidate that was not taken."""
    yield f"project   {PROJECT_VERSION}, Python {platform.python_version()}, {platform.platform()}"
    yield f"torch     {torch.__version__}, CUDA {torch.version.cuda or 'none'}, {toolchain.torch_folder}"
    yield f"GPU       {_cards()}"
    yield f"driver    {_driver()}"
    host, cuda = toolchain.host, toolchain.cuda
    yield f"C++       {f'{host.version}, {shlex.join(host.command)}' if host else 'none'}"
    yield f"nvcc      {f'{cuda.version}, {cuda.nvcc}, from {cuda.origin}' if cuda else 'none'}"
    if cuda:
        yield f"headers   {', '.join(map(str, cuda.includes))}; runtime {cuda.runtime}"
    yield f"ninja     {toolchain.ninja or 'none'}"
    yield f"cache     {_cache(cache_folders(environment))}"
    for item in (*toolchain.rejected_hosts, *toolchain.rejected_toolkits):
        yield f"not taken {item}"
    for library in wanted:
        yield f"sources   {library.name}: {', '.join(path.name for path in library.sources)}"
    if not wanted:
        yield "sources   none"


def _cards() -> str:
    if not torch.cuda.is_available():
        return "none that torch can use"
    cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return ", ".join(f"{card.name} ({card.major}.{card.minor}, {card.total_memory / 2**30:.0f} GiB)" for card in cards)


def _driver() -> str:
    try:
        return _DRIVER.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return "none loaded"


def _cache(folders: Sequence[Path]) -> str:
    try:
        folder = writable_folder(folders)
    except StorageError as error:
        return str(error)
    return f"{folder} (writable)" if folder == folders[0] else f"{folder}, since {folders[0]} is not writable"


def prepare(wanted: Sequence[Library], builder: Builder) -> list[BuildError | StorageError]:
    """Build libraries side by side and load them; what went wrong, also printed."""
    began, failures = time.monotonic(), []
    for library, built in zip(wanted, build_all(builder, wanted), strict=True):
        try:
            path = built.result()
            if builder.trial is not None:
                load_library(library, path)
        except (BuildError, StorageError) as error:
            click.echo(f"library   {error}")
            for line in getattr(error, "details", ()):
                click.echo(f"          | {line}")
            failures.append(error)
        else:
            click.echo(f"library   {library.name}: ready after {time.monotonic() - began:.1f} s, {path}")
    return failures


def compile_only(
    builder: Builder, wanted: Sequence[Library], architectures: Sequence[str]
) -> list[BuildError | StorageError]:
    """Compile the CUDA libraries for cards that are not here, a card at a time; neither tried nor loaded."""
    failures = []
    for number in architectures:
        one = replace(builder, architectures=(number.strip(),), trial=None)
        click.echo(f"for compute capability {number.strip()}:")
        failures += prepare(wanted, one)
    return failures


def table(device: torch.device, has: list[str]) -> Iterator[tuple[str, bool]]:
    """A line for each case, and whether both bodies agree; the first line is the heading."""
    yield f"{'op':45} " + " ".join(f"{name:>9}" for name in (*STAGES, "plain ms", "compiled", "faster")), True
    for case in CASES:
        timed = replace(_TIMED[device.type], device=str(device))
        arguments = case.arguments(timed)
        slow = milliseconds(partial(plain, case.overload, *arguments), device)
        if case.op not in has:
            yield f"{case!s:45} {'no compiled body':>29} {slow:9.3f}", True
            continue
        result = compare(case, Pictures(device=str(device)))
        if result.error:
            yield str(result), False
            continue
        fast = milliseconds(partial(case.overload, *arguments), device)
        differences = " ".join(f"{difference:9.1e}" for difference in result.differences)
        mark = "" if result.agrees else f"  DIFFERS (allowed {result.tolerance:.0e})"
        yield f"{case!s:45} {differences} {slow:9.3f} {fast:9.3f} {slow / fast:8.1f}x{mark}", result.agrees


def verdict(failures: list[BuildError | StorageError], differing: int, compiled: int) -> tuple[int, str]:
    """Exit status and one sentence."""
    if differing:
        return BROKEN, f"{differing} compiled cases differ from their plain twins. Please report this output."
    if any(isinstance(failure, TrialError) for failure in failures):
        return BROKEN, f"{' '.join(dict.fromkeys(map(str, failures)))} Plain ops are used. Please report this output."
    if failures:
        return MISSING, f"plain ops are used: {' '.join(dict.fromkeys(map(str, failures)))}"
    if not compiled:
        return WELL, "this version has no compiled ops for this device; plain ones are used."
    return WELL, f"{compiled} compiled ops agree with their plain twins, forward, backward and twice."


def summary(toolchain: Toolchain, device: torch.device) -> str:
    """The versions that matter, for a bug report."""
    host = toolchain.host.version if toolchain.host else "no C++ compiler"
    nvcc = toolchain.cuda.version if toolchain.cuda else "no nvcc"
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {os.cpu_count()} cores"
    return f"{PROJECT_VERSION}; torch {torch.__version__}; {host}; {nvcc}; {card}"


if __name__ == "__main__":
    run(main)
