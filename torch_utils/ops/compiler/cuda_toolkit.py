"""Finding a complete CUDA toolkit of torch's own version, by its parts.

torch guesses the toolkit from the nvcc on the PATH, which fails for wrapper scripts and for toolkits in which headers
are missing. Here every part is looked at, and whatever is not taken keeps its reason.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from torch_utils.ops.compiler.probe import ProbeError, Rejected, ask

_RELEASE = re.compile(r"release (\d+\.\d+)")
_ARCHITECTURE = re.compile(r"^compute_(\d+)$", re.MULTILINE)
_TOP = re.compile(r"^#\$ TOP=(.+)$", re.MULTILINE)  # a line of nvcc --dryrun
_HEADERS = {  # what a kernel includes → the pip package that brings it
    ("cuda_runtime.h",): "nvidia-cuda-runtime",
    ("cuda_fp16.h",): "nvidia-cuda-runtime",
    ("crt/host_config.h",): "nvidia-cuda-crt",
    ("nv/target", "cccl/nv/target"): "nvidia-cuda-cccl",
}


@dataclass(frozen=True)
class CudaToolkit:
    """A compiler, the folders of its headers, and the runtime library to link with.

    runtime: a versioned file such as lib/libcudart.so.13; pip brings no unversioned link.
    architectures: compute capabilities it compiles for, such as "90".
    """

    origin: str
    nvcc: Path
    version: str
    includes: tuple[Path, ...]
    runtime: Path
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """Folders that together may be a toolkit; pip's packages can be spread over several site-packages."""

    origin: str
    folders: tuple[Path, ...]


def find_cuda_toolkit(
    wanted: str | None,
    environment: Mapping[str, str] = os.environ,
    *,
    pip_folders: Sequence[Path] | None = None,
    system: Path = Path("/usr/local"),
) -> tuple[CudaToolkit | None, tuple[Rejected, ...]]:
    """The first complete toolkit: pip's, $CUDA_HOME, the nvcc on the PATH, then those of `system`.

    Args:
        wanted: torch.version.cuda, such as "13.0".
        pip_folders: folders of the `nvidia` packages; by default those of this interpreter.
    """
    if wanted is None:
        return None, (Rejected("CUDA", "this torch was built without it"),)
    rejected: list[Rejected] = []
    seen: set[tuple[Path, ...]] = set()
    pip_folders = _pip_folders() if pip_folders is None else pip_folders
    for candidate in _candidates(wanted, environment, pip_folders, system, rejected):
        real = tuple(folder.resolve() for folder in candidate.folders)
        if real in seen:
            continue
        seen.add(real)
        found = _check(candidate, wanted, environment)
        if isinstance(found, CudaToolkit):
            return found, tuple(rejected)
        rejected.append(found)
    return None, tuple(rejected)


def _pip_folders() -> list[Path]:
    spec = find_spec("nvidia")  # a namespace without code of its own: nothing is imported
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def _candidates(
    wanted: str,
    environment: Mapping[str, str],
    pip_folders: Sequence[Path],
    system: Path,
    rejected: list[Rejected],
) -> Iterator[_Candidate]:
    name = f"cu{wanted.partition('.')[0]}"
    yield _Candidate(f"pip (nvidia/{name})", tuple(folder / name for folder in pip_folders if (folder / name).is_dir()))
    if home := environment.get("CUDA_HOME"):
        yield _Candidate(f"$CUDA_HOME ({home})", (Path(home),))
    if program := shutil.which("nvcc", path=environment.get("PATH", "")):
        try:
            yield _Candidate(f"nvcc on the PATH ({program})", (_top(program, environment),))
        except ProbeError as error:
            rejected.append(Rejected(f"nvcc on the PATH ({program})", str(error)))
    for folder in sorted(system.glob("cuda*"), key=lambda folder: (folder.name != "cuda", folder.name)):
        if folder.is_dir():
            yield _Candidate(str(folder), (folder,))


def _top(program: str, environment: Mapping[str, str]) -> Path:
    """The toolkit's folder as nvcc itself sees it: the nvcc on the PATH may be a script that calls another."""
    said = ask([program, "--dryrun", "-c", "-x", "cu", os.devnull, "-o", os.devnull], environment)
    match = _TOP.search(said)
    if match is None:
        raise ProbeError("nvcc --dryrun does not name its folder")
    return Path(match[1].strip()).resolve()


def _check(candidate: _Candidate, wanted: str, environment: Mapping[str, str]) -> CudaToolkit | Rejected:
    """The toolkit, or the first part that is missing or of another version."""

    def missing(part: str, package: str) -> Rejected:
        return Rejected(candidate.origin, f"{part} is missing (pip package {package})")

    nvcc = _first(candidate.folders, "bin/nvcc")
    if nvcc is None:
        return missing("bin/nvcc", "nvidia-cuda-nvcc")
    try:
        said = ask([nvcc, "--version"], environment)
        known = _ARCHITECTURE.findall(ask([nvcc, "--list-gpu-arch"], environment))
    except ProbeError as error:
        return Rejected(candidate.origin, f"{nvcc} {error}")
    match = _RELEASE.search(said)
    if match is None or match[1] != wanted:
        version = match[1] if match else "an unknown version"
        return Rejected(candidate.origin, f"{nvcc} is of CUDA {version}, torch of {wanted}")
    if not (nvcc.parent.parent / "nvvm/bin/cicc").exists():
        return missing("nvvm/bin/cicc", "nvidia-nvvm")
    for places, package in _HEADERS.items():
        if not any(_first(candidate.folders, f"include/{place}") for place in places):
            return missing(f"include/{places[0]}", package)
    name = f"libcudart.so.{wanted.partition('.')[0]}"
    runtime = next((path for place in ("lib64", "lib") if (path := _first(candidate.folders, f"{place}/{name}"))), None)
    if runtime is None:
        return missing(f"lib/{name}", "nvidia-cuda-runtime")
    includes = tuple(folder / "include" for folder in candidate.folders if (folder / "include").is_dir())
    return CudaToolkit(candidate.origin, nvcc, said.splitlines()[-1], includes, runtime, tuple(known))


def _first(folders: Sequence[Path], part: str) -> Path | None:
    return next((folder / part for folder in folders if (folder / part).exists()), None)
