"""Everything a build needs, found or named as missing: host compiler, CUDA toolkit, ninja, torch's headers."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit, find_cuda_toolkit
from torch_utils.ops.compiler.host_compiler import HostCompiler, find_host_compiler
from torch_utils.ops.compiler.probe import Rejected

CUDA_REMEDY = "pip install --constraint constraints.txt --editable '.[cuda-build]'"
_HEADER = "torch/csrc/stable/library.h"


@dataclass(frozen=True)
class Toolchain:
    """What was found, None where it was not, and why candidates were not taken."""

    host: HostCompiler | None
    cuda: CudaToolkit | None
    ninja: Path | None
    torch_folder: Path
    rejected_hosts: tuple[Rejected, ...] = ()
    rejected_toolkits: tuple[Rejected, ...] = ()

    def missing(self, *, cuda: bool) -> str | None:
        """Why nothing can be built, with the remedy; None if it can."""
        if not sys.platform.startswith("linux"):
            return f"compiled ops are built on Linux alone, this is {sys.platform}"
        if self.host is None:
            return f"no C++ compiler ({_joined(self.rejected_hosts)}). Install one, for example: apt install g++"
        if self.ninja is None:
            return "no ninja. Install it: pip install ninja"
        if not (self.torch_folder / "include" / _HEADER).exists():
            return f"torch was installed without its headers ({_HEADER}). Install torch from pip"
        if cuda and self.cuda is None:
            return f"no complete CUDA toolkit ({_joined(self.rejected_toolkits)}). Get one: {CUDA_REMEDY}"
        return None


def _joined(rejected: tuple[Rejected, ...]) -> str:
    return "; ".join(map(str, rejected)) or "not looked for"


def find_toolchain(*, cuda: bool, environment: Mapping[str, str] = os.environ) -> Toolchain:
    """Look for everything a build needs.

    Args:
        cuda: look for a CUDA toolkit too, of the version torch was built with.
    """
    host, hosts = find_host_compiler(environment)
    toolkit, toolkits = find_cuda_toolkit(torch.version.cuda, environment) if cuda else (None, ())
    return Toolchain(host, toolkit, _find_ninja(environment), Path(torch.__file__).parent, hosts, toolkits)


def _find_ninja(environment: Mapping[str, str]) -> Path | None:
    """The binary of the pip package, else the one on the PATH."""
    if find_spec("ninja") is not None:
        import ninja

        binary = Path(ninja.BIN_DIR) / "ninja"
        if binary.exists():
            return binary
    program = shutil.which("ninja", path=environment.get("PATH", ""))
    return Path(program) if program else None
