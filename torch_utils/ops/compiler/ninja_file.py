"""The build.ninja of a library: an edge for each unit of its sources, and one that links."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from torch_utils.ops.compiler import flags
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.toolchain import Toolchain

OUTPUT = "library.so"


def build_files(library: Library, toolchain: Toolchain, compiler_flags: Sequence[str]) -> dict[str, str]:
    """Name → text of what a folder must hold for ninja to make `library.so` in it.

    Args:
        compiler_flags: of `flags.HOST` or `flags.cuda_flags`, without paths.
    """
    files = {"build.ninja": _ninja_file(library, toolchain, compiler_flags)}
    for unit in library.units:
        if len(unit) > 1:
            files[_file_of(unit).name] = "".join(f'#include "{path.name}"\n' for path in unit)
    return files


def _ninja_file(library: Library, toolchain: Toolchain, compiler_flags: Sequence[str]) -> str:
    assert toolchain.host is not None
    headers = [toolchain.torch_folder / "include"]
    if library.cuda:
        assert toolchain.cuda is not None
        headers += toolchain.cuda.includes
        compiler = [toolchain.cuda.nvcc, "-ccbin", toolchain.host.program]
    else:
        compiler = toolchain.host.command
    includes = ["-I", library.sources[0].parent, *(word for folder in headers for word in ("-isystem", folder))]
    compile_words = [*compiler, *compiler_flags, *includes, "-c"]
    link_words = [*toolchain.host.command, *flags.link_flags()]
    sources = [_file_of(unit) for unit in library.units]
    objects = [f"{path.name}.o" for path in sources]
    lines = [
        "ninja_required_version = 1.5",
        "rule compile",
        f"  command = {_command(compile_words)} $in -o $out",
        "rule link",
        f"  command = {_command(link_words)} $in -o $out {_command(_linked(library, toolchain))}",
        *(f"build {_path(made)}: compile {_path(source)}" for made, source in zip(objects, sources, strict=True)),
        f"build {OUTPUT}: link {' '.join(map(_path, objects))}",
        f"default {OUTPUT}",
    ]
    return "\n".join(lines) + "\n"


def _file_of(unit: Sequence[Path]) -> Path:
    """A source, or a file of ours that includes several."""
    return unit[0] if len(unit) == 1 else Path("-".join(path.stem for path in unit)).with_suffix(unit[0].suffix)


def _linked(library: Library, toolchain: Toolchain) -> list[str | Path]:
    """What is linked with: torch, and for CUDA the runtime by its versioned name (pip brings no other)."""
    words: list[str | Path] = ["-L", toolchain.torch_folder / "lib", "-ltorch", "-ltorch_cpu"]
    if library.cuda:
        assert toolchain.cuda is not None
        folder, name = toolchain.cuda.runtime.parent, toolchain.cuda.runtime.name
        words += ["-ltorch_cuda", "-L", folder, f"-l:{name}", f"-Wl,-rpath,{folder}"]
    return words


def _command(words: Sequence[str | Path]) -> str:
    """Words as the shell that ninja calls must see them."""
    return shlex.join([os.fspath(word) for word in words]).replace("$", "$$")


def _path(path: str | Path) -> str:
    """A path as ninja reads it."""
    return os.fspath(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")
