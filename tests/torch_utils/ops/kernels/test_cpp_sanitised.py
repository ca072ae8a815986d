"""The C++ bodies under AddressSanitizer and UndefinedBehaviorSanitizer, and that these see a fault."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from tests.support.emulated import CSRC, SANITISED, run_in_a_process
from torch_utils.ops.compiler import flags

HERE = Path(__file__).parent
TORCH = Path(torch.__file__).parent
READ_OR_WRITTEN_BEYOND = "AddressSanitizer: heap-buffer-overflow"
FAULTS = {  # of an op: the file, the right text, the wrong one, and what is said of it
    "too little room for a frame": (
        "warp",
        "warp.cpp",
        "(s.in_width + 2 * kFrame)",
        "s.in_width",
        READ_OR_WRITTEN_BEYOND,
    ),
    "a frame too narrow": ("warp", "warp.cpp", "kFrame = 2;", "kFrame = 1;", r"isnan\(\)"),
    "an element too many": (
        *("bias_act", "bias_act.cpp"),
        *(
            "i < count; ++i) to[i] = function(dy[i], seen[i], bias)",
            "i <= count; ++i) to[i] = function(dy[i], seen[i], bias)",
        ),
        READ_OR_WRITTEN_BEYOND,
    ),
    "a whole piece where less is left": (
        *("bias_act", "pieces.h", "std::min(most, length - first)", "most", "AddressSanitizer: "),
    ),
    "no margin for taps": (
        *("upfirdn2d", "filter_pixels.h"),
        *("(left_ + x.in + right) * channels + kCacheLine / sizeof(W)", "x.in * channels", READ_OR_WRITTEN_BEYOND),
    ),
    "a pixel too many": (
        *("synthesis_epilogue", "synthesis_epilogue.cpp"),
        *("write.room(to), count, o);", "write.room(to), count + channels, o);", READ_OR_WRITTEN_BEYOND),
    ),
    "a row below the picture": ("conv3x3", "conv3x3.h", "y < height; }", "y <= height; }", READ_OR_WRITTEN_BEYOND),
    "a column right of the picture": (
        *("conv3x3", "conv3x3.h", "wide = std::min<int64_t>(kResults, y.width - column);", "wide = kResults;"),
        READ_OR_WRITTEN_BEYOND,
    ),
    "a vector of channels too many": (
        *("conv3x3", "conv3x3.h", "c + lanes <= channels; c", "c <= channels; c", "AddressSanitizer: "),
    ),
    "no room for the last tiles": ("conv3x3", "conv3x3.h", "tiles * channels_ +", "", "AddressSanitizer: "),
}


def build(sources: Iterable[Path], library: Path) -> Path:
    """A library of C++ bodies, with sanitisers."""
    command = ["g++", *flags.HOST, *SANITISED, "-isystem", TORCH / "include", "-shared", *sources, "-o", library]
    link = [f"-L{TORCH / 'lib'}", "-ltorch", "-ltorch_cpu"]
    done = subprocess.run([*map(str, command), *link], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


def run(library: Path, tests: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    """The kernels' tests on its bodies alone."""
    return run_in_a_process(["--cpp-library", str(library), "-k", "cpp", *map(str, tests)], sanitised=True)


@pytest.mark.slow
def test_the_bodies_pass_under_address_and_undefined_behaviour_sanitisers(tmp_path):
    done = run(build(sorted(CSRC.glob("*.cpp")), tmp_path / "library.so"), sorted(HERE.glob("test_*.py")))
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"[1-9]\d\d+ passed", done.stdout)  # not skipped


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(tmp_path, name):
    op, file, right, wrong, seen_as = FAULTS[name]
    csrc = Path(shutil.copytree(CSRC, tmp_path / "csrc"))
    text = (csrc / file).read_text()
    assert right in text, f"{file} has changed: {right!r} is not there any more"
    (csrc / file).write_text(text.replace(right, wrong))
    done = run(build([csrc / f"{op}.cpp"], tmp_path / "library.so"), [HERE / f"test_{op}.py"])
    assert done.returncode != 0 and re.search(seen_as, done.stdout), done.stdout[-3000:]
