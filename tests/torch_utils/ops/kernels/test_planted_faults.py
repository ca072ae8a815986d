"""Faults are planted into copies of the kernels, to see that the tests beside this file find them."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import emulated

HERE = Path(__file__).parent
WRONG_NUMBERS = "Tensor-likes are not close"
READ_BEYOND = "AddressSanitizer: heap-buffer-overflow.*\n.*READ"
WRITTEN_BEYOND = "AddressSanitizer: heap-buffer-overflow.*\n.*WRITE"


@dataclass(frozen=True)
class Fault:
    """A change of a kernel's text, and what the tests must say of it."""

    op: str
    right: str
    wrong: str
    seen_as: str
    sanitised: bool = False
    occurrence: int = 0  # which of the places with the right text
    file: str = ""  # where they are; default: the op's own


BARRIER = "  __syncthreads();\n"
TILE_SUMS = "tile_sums.cuh"
FAULTS = {
    "no barrier after a tile was loaded": Fault("upfirdn2d", BARRIER, "", WRONG_NUMBERS),
    "no barrier between two passes": Fault("upfirdn2d", BARRIER, "", WRONG_NUMBERS, occurrence=1),
    "no barrier before a tile's sums": Fault("synthesis_epilogue", BARRIER, "", WRONG_NUMBERS),
    "no barrier before the sum of tiles": Fault("synthesis_epilogue", BARRIER, "", WRONG_NUMBERS, file=TILE_SUMS),
    "a barrier that some threads never reach": Fault(
        "synthesis_epilogue",
        BARRIER,
        "  if (i >= inner) return;\n" + BARRIER,
        "divergent barrier: .* have ended",
        file=TILE_SUMS,
    ),
    "barriers at two places": Fault(
        "synthesis_epilogue",
        BARRIER,
        "  if (threadIdx.x < 16) {\n    __syncthreads();\n  } else {\n    __syncthreads();\n  }\n",
        "divergent barrier: threads of one block wait at lines",
    ),
    "no barrier while a block adds up": Fault("bias_act", BARRIER, "", WRONG_NUMBERS),
    "no barrier before columns are added up": Fault("bias_act", BARRIER, "", WRONG_NUMBERS, occurrence=1),
    "an element read past the end": Fault(
        "bias_act",
        "for (int64_t i = first; i < end;",
        "for (int64_t i = first; i <= end;",
        READ_BEYOND,
        sanitised=True,
    ),
    "an element written past the end": Fault(
        "bias_act", "store(y + i, numbers)", "store(y + i + N, numbers)", WRITTEN_BEYOND, sanitised=True
    ),
    "a pixel read past the end": Fault(
        "warp", "column < s.in_width &&", "column <= s.in_width &&", READ_BEYOND, sanitised=True
    ),
    "a pixel read from the next row": Fault("warp", "column < s.in_width &&", "column <= s.in_width &&", WRONG_NUMBERS),
    "a pack read from a place that is not aligned": Fault(
        "bias_act", "!aligned(p.x) || ", "", "misaligned address", sanitised=True
    ),
    "shared memory written past its end": Fault(
        "upfirdn2d", "(G::kInHeight * G::kPitch)", "(G::kInHeight * G::kPitch - 2)", WRITTEN_BEYOND, sanitised=True
    ),
    "shared memory read that nobody wrote": Fault(
        "synthesis_epilogue", "j < N; ++j) shared[", "j + 1 < N; ++j) shared[", WRONG_NUMBERS
    ),
    "more shared memory taken than asked for": Fault(
        "synthesis_epilogue", " * (last ? 2 : 1)", "", "more shared memory is taken than was asked for"
    ),
    "a result left unwritten": Fault("upfirdn2d", "if (x < tile.x.out &&", "if (x + 1 < tile.x.out &&", WRONG_NUMBERS),
    "a bias of the wrong place": Fault(
        "bias_act", "size.remainder(stride.quotient(i))", "size.remainder(stride.quotient(i) + 1)", WRONG_NUMBERS
    ),
    "a scale of the wrong sample": Fault(
        "synthesis_epilogue", "in.scale + sample * shape.channels + channel", "in.scale + channel", WRONG_NUMBERS
    ),
    "an exchange with the lanes of other rows": Fault(
        "synthesis_epilogue", "lanes_sum(sums.at[0], tiling.across)", "lanes_sum(sums.at[0], kLanes)", WRONG_NUMBERS
    ),
    "odd pixels where even ones are": Fault(
        "upfirdn2d", "row + G::kHalf + column / 2", "row + column / 2", WRONG_NUMBERS
    ),
    "a tap too far": Fault("upfirdn2d", "y.place(down.tap + j * y.up.by)", "y.place(down.tap + j)", WRONG_NUMBERS),
    "rows for columns": Fault(
        "warp", "lookup.x_of(x, y), column) * bilinear", "lookup.x_of(x, y), row) * bilinear", WRONG_NUMBERS
    ),
}


def in_tiles(right: str, wrong: str, seen_as: str, *, sanitised: bool = False, occurrence: int = 0) -> Fault:
    """A fault in the tiles of filtered_lrelu."""
    return Fault("filtered_lrelu", right, wrong, seen_as, sanitised, occurrence, "filtered_lrelu_tiles.cuh")


WRONG_SIGNS = "def assert_signs"  # pytest shows the function that failed
FAULTS |= {
    "no barrier after pixels and filters were loaded": in_tiles(BARRIER, "", WRONG_NUMBERS),
    "no barrier between widening and the fine picture": in_tiles(BARRIER, "", WRONG_NUMBERS, occurrence=1),
    "no barrier after the fine picture": in_tiles(BARRIER, "", WRONG_NUMBERS, occurrence=2),
    "no barrier between narrowing and the outputs": in_tiles(BARRIER, "", WRONG_NUMBERS, occurrence=3),
    "signs that no tile writes": in_tiles("? tile.seen_y :", "? tile.outputs_y * G::kDown :", WRONG_SIGNS),
    "an input row too few at the picture's edge": in_tiles("(seen_y - 1 + ", "(seen_y - 1 - G::kUp + ", WRONG_NUMBERS),
    "a byte of signs with a neighbour's": in_tiles("four[c] >>", "four[c ^ 1] >>", WRONG_SIGNS),
    "samples counted from the wrong tap": in_tiles(" - tile.call.x.skew", "", WRONG_NUMBERS),
    "a sign read of the wrong sample": in_tiles(
        "x % kSamplesAByte) & 3", "(x + 1) % kSamplesAByte) & 3", WRONG_NUMBERS
    ),
    "a bias of the wrong channel": in_tiles("remainder(tile.picture)", "remainder(tile.picture + 1)", WRONG_NUMBERS),
    "a pixel read past the end of the picture": in_tiles("y < ay.in;", "y <= ay.in;", READ_BEYOND, sanitised=True),
    "signs read past their end": in_tiles("y >= ay.signs)", "y > ay.signs)", READ_BEYOND, sanitised=True),
    "signs written past the end of shared memory": in_tiles(
        "signs(y.runs * x.fine)", "signs(y.runs * x.fine - 8)", WRITTEN_BEYOND, sanitised=True
    ),
    "the general road's tap too far": Fault(
        "filtered_lrelu", "along.tap + j * y.up.by", "along.tap + j", WRONG_NUMBERS
    ),
    "the general road's fine picture unwritten": Fault(
        "filtered_lrelu", "least(first + kSamplesAByte, x.out.by)", "least(first + 3, x.out.by)", WRONG_NUMBERS
    ),
}


def planted(fault: Fault, folder: Path) -> Path:
    """A library of the op alone, with the fault."""
    csrc = Path(shutil.copytree(emulated.CSRC, folder / "csrc"))
    changed = csrc / (fault.file or f"{fault.op}.cu")
    parts = changed.read_text().split(fault.right)
    assert len(parts) > fault.occurrence + 1, f"{changed.name} has changed: {fault.right!r} is not there any more"
    before, after = parts[: fault.occurrence + 1], parts[fault.occurrence + 1 :]
    changed.write_text(fault.right.join(before) + fault.wrong + fault.right.join(after))
    return emulated.build(
        [f"{fault.op}.cu"], csrc=csrc, flags=emulated.SANITISED if fault.sanitised else emulated.QUICK
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(tmp_path, name):
    fault = FAULTS[name]
    done = emulated.run_tests(planted(fault, tmp_path), HERE / f"test_{fault.op}.py", sanitised=fault.sanitised)
    assert done.returncode != 0, f"the tests of {fault.op} did not see it"
    assert re.search(fault.seen_as, done.stdout), done.stdout[-3000:]


@pytest.mark.slow
def test_the_kernels_as_they_are_pass_under_address_and_undefined_behaviour_sanitisers():
    library = emulated.build(flags=emulated.SANITISED)
    done = emulated.run_tests(library, *sorted(HERE.glob("test_*.py")), sanitised=True)
    assert done.returncode == 0, done.stdout[-3000:]
