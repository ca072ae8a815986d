"""What the compilers are told: torch's stable ABI, this machine's processor, these cards."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from torch_utils.errors import BuildError

TORCH_TARGET = "0x020a000000000000"  # the libraries load in torch 2.10 and every later one
ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")  # compute capabilities that CUDA sources must compile for
_COMMON = (f"-DTORCH_TARGET_VERSION={TORCH_TARGET}", "-std=c++17", "-O3")
# Loops may be vectorised where the source says so; nobody reads errno or the floating-point exception flags.
_LOOPS = ("-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math")
HOST = (*_COMMON, "-fPIC", "-march=native", *_LOOPS)
_LINK = ("-shared", "-Wl,--no-as-needed", "-Wl,--no-undefined")
_RUNTIMES = ("libstdc++.so", "libgcc_s.so")


@cache
def link_flags() -> tuple[str, ...]:
    """The linker's, and the C++ runtime that this process has loaded, by its files.

    Some compilers are set up to put a copy of the runtime into each library: an error that our code throws would then
    end the process, for torch catches it with the other copy.
    """
    with suppress(OSError):  # not Linux
        mapped = [line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
        return (*_LINK, *sorted({path for path in mapped if Path(path).name.startswith(_RUNTIMES)}))
    return _LINK


def cuda_flags(architectures: Sequence[str], known: Sequence[str], *, portable: bool = False) -> tuple[str, ...]:
    """nvcc's flags for cards of these compute capabilities.

    A card newer than nvcc gets PTX of the newest that nvcc knows, which its driver translates.

    Args:
        architectures: such as ("80", "90").
        known: those that nvcc can compile for.
        portable: PTX of the newest as well, for cards to come.
    Raises:
        BuildError: a card is too old for this nvcc, or its number is none.
    """
    newest = max(known, key=int)
    targets, with_ptx = [], portable
    for number in architectures:
        if not number.isdecimal():
            raise BuildError(f"{number}: not a compute capability. Write for example 90.")
        if number in known:
            targets.append(f"-gencode=arch=compute_{number},code=sm_{number}")
        elif int(number) > int(newest):
            with_ptx = True
        else:
            oldest = min(known, key=int)
            raise BuildError(f"a card of compute capability {number}: this nvcc compiles for {oldest} and newer.")
    if with_ptx:
        targets.append(f"-gencode=arch=compute_{newest},code=compute_{newest}")
    return (*_COMMON, "-DUSE_CUDA", "-Xcompiler", "-fPIC", "--expt-relaxed-constexpr", *targets)
