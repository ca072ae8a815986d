"""What ptxas says of every CUDA kernel: registers, spilled bytes, stack; and how long compiling takes. Needs no GPU.

    python -m benchmarks.cuda_registers [--architecture 80 ...]

Compiles each .cu file for each architecture with the flags of the real build, two at a time, throws the code away,
prints a table and writes benchmarks/results/cuda_registers.json. Shared memory is asked for at each launch, so ptxas
does not know of it; the emulated tests hold it below 48 KB a block.
"""

import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import record
from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit, find_cuda_toolkit
from torch_utils.ops.compiler.flags import ARCHITECTURES, cuda_flags
from torch_utils.ops.compiler.library import SOURCES

_ENTRY = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)' for 'sm_\w+'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers",
    re.DOTALL,
)


@dataclass(frozen=True)
class Kernel:
    """What ptxas says of one instantiation for one architecture; sizes in bytes."""

    name: str
    registers: int
    spilled: int
    stack: int


def kernels_in(said: str) -> list[Kernel]:
    """Read the output of `-Xptxas -v`."""
    matches = list(_ENTRY.finditer(said))
    names = _readable([match["kernel"] for match in matches])
    return [
        Kernel(name, int(m["registers"]), int(m["stores"]) + int(m["loads"]), int(m["stack"]))
        for name, m in zip(names, matches, strict=True)
    ]


def _readable(symbols: list[str]) -> list[str]:
    """C++ names without namespaces and arguments."""
    done = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True)
    names = (re.sub(r"\(anonymous namespace\)::|kaokore::(\w+_cuda::)?", "", line) for line in done.stdout.splitlines())
    return [re.sub(r"^void ", "", name.partition(">(")[0] + ">" if ">(" in name else name) for name in names]


def compile_for(source: Path, architecture: str, toolkit: CudaToolkit) -> tuple[list[Kernel], float]:
    """The kernels of a file, and the seconds that compiling took."""
    includes = [f"-I{folder}" for folder in (Path(torch.__file__).parent / "include", *_headers(toolkit))]
    flags = cuda_flags([architecture], toolkit.architectures)
    with tempfile.TemporaryDirectory() as folder:
        command = [toolkit.nvcc, *flags, "-Xptxas", "-v", *includes, "-c", source, "-o", Path(folder) / "out.o"]
        start = time.perf_counter()
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise click.ClickException(f"{source.name} for sm_{architecture}:\n{done.stderr}")
    return kernels_in(done.stderr), seconds


def _headers(toolkit: CudaToolkit) -> list[Path]:
    """The toolkit's headers; those of CCCL lie a folder deeper from CUDA 13 on."""
    return [folder for include in toolkit.includes for folder in (include, include / "cccl") if folder.is_dir()]


def measure(sources: list[Path], architectures: list[str], toolkit: CudaToolkit) -> list[dict[str, Any]]:
    """A row for each file and architecture, its kernels in it."""
    work = [(source, architecture) for architecture in architectures for source in sources]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda item: compile_for(item[0], item[1], toolkit), work))
    return [
        {
            "file": source.name,
            "architecture": f"sm_{architecture}",
            "compile_s": round(seconds, 1),
            "most_registers": max(kernel.registers for kernel in kernels),
            "spilled_bytes": sum(kernel.spilled for kernel in kernels),
            "registers": {kernel.name: kernel.registers for kernel in kernels},
            "spilling": {kernel.name: kernel.spilled for kernel in kernels if kernel.spilled},
        }
        for (source, architecture), (kernels, seconds) in zip(work, results, strict=True)
    ]


@click.command()
@click.option("--architecture", "architectures", multiple=True, type=click.Choice(ARCHITECTURES), help="Default: all.")
def main(architectures: tuple[str, ...]) -> None:
    """Compile, print, write (only if it was all)."""
    toolkit, rejected = find_cuda_toolkit(torch.version.cuda)
    if toolkit is None:
        print(f"cuda_registers: no complete CUDA toolkit: {'; '.join(map(str, rejected))}", file=sys.stderr)
        sys.exit(2)
    rows = measure(sorted(SOURCES.glob("*.cu")), list(architectures or ARCHITECTURES), toolkit)
    print(f"{'file':24} {'for':7} {'kernels':>7} {'registers':>9} {'spilled':>7} {'seconds':>7}")
    for row in rows:
        print(
            f"{row['file']:24} {row['architecture']:7} {len(row['registers']):7} {row['most_registers']:9} "
            f"{row['spilled_bytes']:7} {row['compile_s']:7.1f}"
        )
    if not architectures:
        path = record.write("cuda_registers", "python -m benchmarks.cuda_registers", 2, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
