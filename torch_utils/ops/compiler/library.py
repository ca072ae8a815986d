"""Which source file goes into which library."""

from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "csrc"
_APART = ("filtered_lrelu",)  # CUDA sources that take so long to compile that they get a library of their own
# CUDA sources that nvcc is given in one go: torch's headers take it three seconds each time. In two units of these
# two cores have the same to do (benchmarks/build_ops.py).
_TOGETHER = (("bias_act.cu", "warp.cu"), ("synthesis_epilogue.cu", "upfirdn2d.cu"))


@dataclass(frozen=True)
class Library:
    """A shared library to be: its sources, and the headers of their folder, any of which they may include."""

    name: str
    sources: tuple[Path, ...]
    headers: tuple[Path, ...]

    @property
    def cuda(self) -> bool:
        """Whether nvcc compiles it."""
        return self.sources[0].suffix == ".cu"

    @property
    def units(self) -> tuple[tuple[Path, ...], ...]:
        """The sources, those together that are compiled in one go."""
        groups = [tuple(path for path in self.sources if path.name in names) for names in _TOGETHER]
        shared = {path for group in groups for path in group}
        return (*filter(None, groups), *((path,) for path in self.sources if path not in shared))


def libraries(*, cuda: bool, folder: Path = SOURCES) -> list[Library]:
    """The libraries that a folder's sources make; none without sources.

    Args:
        cuda: those of nvcc as well, not only C++.
    """
    headers = tuple(sorted([*folder.rglob("*.h"), *folder.rglob("*.cuh")]))
    groups = {"ops_cpu": sorted(folder.glob("*.cpp"))}
    if cuda:
        sources = sorted(folder.glob("*.cu"))
        groups["ops_cuda"] = [path for path in sources if path.stem not in _APART]
        groups |= {f"ops_cuda_{path.stem}": [path] for path in sources if path.stem in _APART}
    return [Library(name, tuple(paths), headers) for name, paths in groups.items() if paths]
