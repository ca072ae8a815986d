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


BARRIER = "  __syncthreads();\n"
FAULTS = {
    "no barrier after a tile was loaded": Fault("upfirdn2d", BARRIER, "", WRONG_NUMBERS),
    "no barrier between two passes": Fault("upfirdn2d", BARRIER, "", WRONG_NUMBERS, occurrence=1),
    "no barrier before a tile's sums": Fault("synthesis_epilogue", BARRIER, "", WRONG_NUMBERS),
    "no barrier before the sum of tiles": Fault("synthesis_epilogue", BARRIER, "", WRONG_NUMBERS, occurrence=1),
    "a barrier that some threads never reach": Fault(
        "synthesis_epilogue",
        BARRIER,
        "  if (i >= inner) return;\n" + BARRIER,
        "divergent barrier: .* have ended",
        occurrence=1,
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
        "loaded[j] = i < at.end ? static_cast<Wide<T>>(from",
        "loaded[j] = i <= at.end ? static_cast<Wide<T>>(from",
        READ_BEYOND,
        sanitised=True,
    ),
    "an element written past the end": Fault(
        "bias_act", "if (i < at.end) to[i]", "if (i <= at.end) to[i]", WRITTEN_BEYOND, sanitised=True
    ),
    "a pixel read past the end": Fault(
        "warp", "column < s.in_width &&", "column <= s.in_width &&", READ_BEYOND, sanitised=True
    ),
    "a pixel read from the next row": Fault("warp", "column < s.in_width &&", "column <= s.in_width &&", WRONG_NUMBERS),
    "a pack read from a place that is not aligned": Fault(
        "bias_act", "aligned(p.x) && ", "", "misaligned address", sanitised=True
    ),
    "shared memory written past its end": Fault(
        "upfirdn2d", "(G::kInHeight * G::kPitch)", "(G::kInHeight * G::kPitch - 2)", WRITTEN_BEYOND, sanitised=True
    ),
    "shared memory read that nobody wrote": Fault(
        "synthesis_epilogue", "kRowPitch, kLanes, 1);", "kRowPitch, kLanes + 1, 1);", WRONG_NUMBERS
    ),
    "more shared memory taken than asked for": Fault(
        "synthesis_epilogue", "return a + b + (", "return a + (", "more shared memory is taken than was asked for"
    ),
    "a result left unwritten": Fault("upfirdn2d", "if (x < tile.x.out &&", "if (x + 1 < tile.x.out &&", WRONG_NUMBERS),
    "a bias of the wrong place": Fault(
        "bias_act", "size.remainder(stride.quotient(i))", "size.remainder(stride.quotient(i) + 1)", WRONG_NUMBERS
    ),
    "a scale of the wrong sample": Fault(
        "synthesis_epilogue", "in.scale + sample * shape.channels + channel", "in.scale + channel", WRONG_NUMBERS
    ),
    "a tap too far": Fault("upfirdn2d", "y.place(down.tap + j * y.up.by)", "y.place(down.tap + j)", WRONG_NUMBERS),
    "rows for columns": Fault(
        "warp", "lookup.x_of(x, y), column) * bilinear", "lookup.x_of(x, y), row) * bilinear", WRONG_NUMBERS
    ),
}


def planted(fault: Fault, folder: Path) -> Path:
    """A library of the op alone, with the fault."""
    csrc = Path(shutil.copytree(emulated.CSRC, folder / "csrc"))
    source = csrc / f"{fault.op}.cu"
    parts = source.read_text().split(fault.right)
    assert len(parts) > fault.occurrence + 1, f"{source.name} has changed: {fault.right!r} is not there any more"
    before, after = parts[: fault.occurrence + 1], parts[fault.occurrence + 1 :]
    source.write_text(fault.right.join(before) + fault.wrong + fault.right.join(after))
    return emulated.build([source.name], csrc=csrc, flags=emulated.SANITISED if fault.sanitised else emulated.QUICK)


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
