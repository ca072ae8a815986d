"""The build.ninja of a library: an edge for each source file, and one that links."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from torch_utils.ops.compiler import flags
from torch_utils.ops.compiler.library import Library
from torch_utils.ops.compiler.toolchain import Toolchain

OUTPUT = "library.so"


def ninja_file(library: Library, toolchain: Toolchain, compiler_flags: Sequence[str]) -> str:
    """The text of a build.ninja that makes `library.so` in its own folder.

    Args:
        compiler_flags: of `flags.HOST` or `flags.cuda_flags`, without paths.
    """
    assert toolchain.host is not None
    headers = [toolchain.torch_folder / "include"]
    if library.cuda:
        assert toolchain.cuda is not None
        headers += toolchain.cuda.includes
        compiler = [toolchain.cuda.nvcc, "-ccbin", toolchain.host.program]
    else:
        compiler = toolchain.host.command
    includes = [word for folder in headers for word in ("-isystem", folder)]
    compile_words = [*compiler, *compiler_flags, *includes, "-c"]
    link_words = [*toolchain.host.command, *flags.LINK]
    objects = [f"{path.name}.o" for path in library.sources]
    lines = [
        "ninja_required_version = 1.5",
        "rule compile",
        f"  command = {_command(compile_words)} $in -o $out",
        "rule link",
        f"  command = {_command(link_words)} $in -o $out {_command(_linked(library, toolchain))}",
        *(
            f"build {_path(made)}: compile {_path(source)}"
            for made, source in zip(objects, library.sources, strict=True)
        ),
        f"build {OUTPUT}: link {' '.join(map(_path, objects))}",
        f"default {OUTPUT}",
    ]
    return "\n".join(lines) + "\n"


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
