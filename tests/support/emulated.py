"""The CUDA sources compiled by plain g++ against tests/emulation, and calls sent there, not to the usual bodies."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# The modules are imported for the schemas they define.
from torch_utils.ops import bias_act, synthesis_epilogue, upfirdn2d, warp  # noqa: F401
from torch_utils.ops.plain import plain

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CSRC = REPOSITORY / "torch_utils" / "ops" / "csrc"
SHIM = REPOSITORY / "tests" / "emulation"
CACHE = Path(tempfile.gettempdir()) / f"kaokore-emulated-{os.getuid()}"
TORCH = Path(torch.__file__).parent

NAMESPACE = "kaokore_emulated"
OPS = {  # source → the operators it brings
    "bias_act.cu": ("bias_act", "bias_act_backward", "bias_act_gradients"),
    "synthesis_epilogue.cu": ("synthesis_epilogue", "synthesis_epilogue_backward"),
    "upfirdn2d.cu": ("upfirdn2d",),
    "warp.cu": ("warp", "warp_backward"),
}
QUICK = ("-O1",)
SANITISED = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")


def build(sources: Iterable[str] = OPS, *, csrc: Path = CSRC, flags: Sequence[str] = QUICK) -> Path:
    """Compile .cu files as C++, two at a time, into one library; what was compiled before is taken from the cache."""
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(lambda name: _object(csrc, name, flags), sources))
    library = CACHE / f"{_digest([path.name for path in objects], flags)}.so"
    if not library.exists():
        link = ["g++", "-shared", *flags, *objects, f"-L{TORCH / 'lib'}", "-ltorch", "-ltorch_cpu"]
        _run(link, library)
    return library


def _object(csrc: Path, name: str, flags: Sequence[str]) -> Path:
    headers = sorted([*csrc.glob("*.h"), *csrc.glob("*.cuh"), *SHIM.glob("*.h")])
    texts = [path.read_text() for path in (csrc / name, *headers)]
    result = CACHE / f"{_digest(texts, [*flags, torch.__version__])}.o"
    if not result.exists():
        includes = ["-isystem", TORCH / "include", f"-I{SHIM}", f"-I{csrc}"]
        defines = ["-DKAOKORE_EMULATED", "-DTORCH_TARGET_VERSION=0x020a000000000000"]
        command = ["g++", "-std=c++17", "-fPIC", *flags, *defines, *includes]
        _run([*command, "-x", "c++", "-c", csrc / name], result)
    return result


def _digest(texts: Sequence[str], more: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([*texts, *more]).encode()).hexdigest()[:24]


def _run(command: Sequence[str | Path], output: Path) -> None:
    """Run a compiler and put its output where it belongs only when it is whole."""
    CACHE.mkdir(exist_ok=True)
    part = output.with_suffix(f".{os.getpid()}{output.suffix}")
    done = subprocess.run([*map(str, command), "-o", str(part)], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
    part.replace(output)


_fragment = torch.library.Library(NAMESPACE, "FRAGMENT")
_loaded: set[Path] = set()


def load(library: Path) -> None:
    """Register the kernels of a library; one a process."""
    if library in _loaded:
        return
    assert not _loaded, "another emulated library is loaded already"
    for name in (name for names in OPS.values() for name in names):
        schema = str(getattr(torch.ops.kaokore, name).default._schema)
        _fragment.define(schema.removeprefix("kaokore::"))
    torch.ops.load_library(library)
    _loaded.add(library)


class EmulatedBodies(TorchDispatchMode):
    """Inside, our operators run the emulated kernels: below autograd, so derivatives run them too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "kaokore":
            name = func._schema.name.partition("::")[2]
            if not any(name in names for names in OPS.values()):  # no kernel: its plain body, which may call others
                with self:
                    return plain(func, *args)
            func = getattr(getattr(torch.ops, NAMESPACE), name).default
        return func(*args, **(kwargs or {}))


def run_tests(library: Path, *tests: Path, sanitised: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the quick kernel tests on a library in a process of its own, until the first failure."""
    return run_in_a_process(["--emulated-library", str(library), *map(str, tests)], sanitised=sanitised)


def run_in_a_process(words: Sequence[str], *, sanitised: bool) -> subprocess.CompletedProcess[str]:
    """Run the quick ones of some tests, until the first failure; no compiled body but those that are named."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-x", "-p", "no:cacheprovider", "-m", "not gpu and not slow"]
    environment = dict(os.environ)
    if sanitised:  # the interpreter itself is not, so the sanitiser's allocator must be there first
        paths = [_of_the_compiler("libasan.so"), _of_the_compiler("libstdc++.so")]
        environment |= {"LD_PRELOAD": ":".join(paths), "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(
        [*command, "--plain", *words],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _of_the_compiler(library: str) -> str:
    return subprocess.run(
        ["g++", f"-print-file-name={library}"], capture_output=True, text=True, check=True
    ).stdout.strip()
