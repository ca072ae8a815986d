"""How long does building the compiled ops take, from an empty cache?

    python -m benchmarks.build_ops [--architecture 90 ...] [--rounds 5] [--pause 0]

Builds the C++ library, and the CUDA libraries for each architecture, as a first start does, but into a folder that is
thrown away, and without the trial. The compilers take all cores. On a machine that others use as well the least of
several rounds comes nearest to what an idle one takes; the processor's own seconds, which others change little, and
how busy it was stand beside. Needs no GPU. Writes benchmarks/results/build_ops.json.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import record
from torch_utils.ops.compiler.build import Builder
from torch_utils.ops.compiler.library import Library, libraries
from torch_utils.ops.compiler.toolchain import find_toolchain
from torch_utils.ops.native import builder_for


def seconds_of(builder: Builder, library: Library) -> tuple[float, float]:
    """Of one build into an empty cache: on the clock, and of the processor's cores together."""
    with tempfile.TemporaryDirectory() as folder:
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        replace(builder, folders=[Path(folder)]).build(library)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return time.perf_counter() - began, used


def measure(builder: Builder, work: list[tuple[Library, str]], rounds: int, pause: float) -> list[dict[str, Any]]:
    """A row for each library and architecture; all of them in every round, so that a busy moment hits all alike."""
    rows = [
        {
            "library": library.name,
            "architecture": f"sm_{architecture}" if architecture else "this processor",
            "seconds": [],
            "processor_s": [],
            "load_before": [],
        }
        for library, architecture in work
    ]
    for turn in range(rounds):
        time.sleep(pause if turn else 0)
        for row, (library, architecture) in zip(rows, work, strict=True):
            row["load_before"].append(round(os.getloadavg()[0], 2))
            one = replace(builder, architectures=(architecture,) if architecture else ())
            took, used = seconds_of(one, library)
            row["seconds"].append(round(took, 2))
            row["processor_s"].append(round(used, 2))
    return [row | {"least_s": min(row["seconds"]), "median_s": statistics.median(row["seconds"])} for row in rows]


@click.command(context_settings={"show_default": True})
@click.option("--architecture", "architectures", multiple=True, default=["80", "90", "100"], help="Of the CUDA builds.")
@click.option("--rounds", default=5, type=click.IntRange(min=1))
@click.option("--pause", default=0.0, help="Seconds between two rounds.")
@click.option("--quick", is_flag=True, help="Nothing is written.")
def main(architectures: tuple[str, ...], rounds: int, pause: float, quick: bool) -> None:
    """Build, print, write."""
    toolchain = find_toolchain(cuda=True)
    if (reason := toolchain.missing(cuda=True)) is not None:
        print(f"build_ops: {reason}.", file=sys.stderr)
        sys.exit(2)
    assert toolchain.host is not None and toolchain.cuda is not None
    work = [
        (library, number) for library in libraries(cuda=True) for number in (architectures if library.cuda else [""])
    ]
    builder = replace(builder_for(toolchain, torch.device("cpu"), lambda line: None), trial=None)
    rows = measure(builder, work, rounds, pause)
    for row in rows:
        print(
            f"{row['library']:26} {row['architecture']:15} {row['least_s']:6.1f} s (median {row['median_s']:.1f}, "
            f"processor {min(row['processor_s']):.1f})"
        )
    if not quick:
        compilers = {"host": toolchain.host.version, "nvcc": f"{toolchain.cuda.version}, {toolchain.cuda.origin}"}
        command = f"python -m benchmarks.build_ops --rounds {rounds} --pause {pause:g}"
        path = record.write("build_ops", command, os.cpu_count() or 1, rows, **compilers)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
