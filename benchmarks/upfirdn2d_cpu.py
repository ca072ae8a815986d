"""Which plain body of upfirdn2d is faster on the CPU: matrix products or convolutions?

    python -m benchmarks.upfirdn2d_cpu

Times upsampling, downsampling and same-size filtering with the taps [1, 3, 3, 1] at the shapes of small networks, one
thread, float32; both bodies in turn in one run, the least of several. Prints a table and writes
benchmarks/results/upfirdn2d_cpu.json.
"""

import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks import record
from torch_utils.ops import upfirdn2d_plain as op
from torch_utils.ops.upfirdn2d import setup_filter

SHAPES = [(8, 64, 4, 4), (8, 64, 8, 8), (8, 64, 16, 16), (8, 64, 32, 32), (8, 3, 64, 64), (8, 32, 64, 64)]
LARGE = [(8, 16, 96, 96), (16, 16, 128, 128)]
KINDS = {  # up, down, padding, gain
    "up 2": ([2, 2], [1, 1], [2, 1, 2, 1], 4.0),
    "down 2": ([1, 1], [2, 2], [1, 1, 1, 1], 1.0),
    "same size": ([1, 1], [1, 1], [2, 1, 2, 1], 1.0),
}
ROUNDS, SECONDS_A_ROUND = 5, 0.1


def least_times(bodies: list[Callable[[], Any]]) -> list[float]:
    """Milliseconds a call of each body, taken in turn so that a busy machine hits all alike."""
    least = [float("inf")] * len(bodies)
    for _ in range(ROUNDS):
        for index, body in enumerate(bodies):
            body()
            calls, start = 0, time.perf_counter()
            while time.perf_counter() - start < SECONDS_A_ROUND:
                body()
                calls += 1
            least[index] = min(least[index], (time.perf_counter() - start) / calls * 1000)
    return least


def measure(shape: tuple[int, ...], kind: str) -> dict[str, Any]:
    """One row: both bodies at one shape."""
    up, down, padding, gain = KINDS[kind]
    x, f = torch.randn(shape), setup_filter([1, 3, 3, 1])

    def by_matrices() -> torch.Tensor:
        axes = op._axes(f)
        assert axes is not None
        return op._by_matrices(x, axes, up, down, padding, False, gain)

    def by_convolution() -> torch.Tensor:
        return op._by_convolution(x, f, up, down, padding, False, gain)

    torch.testing.assert_close(by_matrices(), by_convolution())
    matrices, convolution = least_times([by_matrices, by_convolution])
    return {
        "kind": kind,
        "shape": list(shape),
        "convolution_ms": round(convolution, 4),
        "matrices_ms": round(matrices, 4),
        "gain": round(convolution / matrices, 2),
        "chosen": "matrices" if max(shape[2:]) <= op._MATRICES_UP_TO[2] else "convolution",
    }


def main() -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'kind':10} {'shape':20} {'convolution':>12} {'matrices':>10} {'gain':>6}  chosen")
    rows = []
    with torch.inference_mode():
        for kind in KINDS:
            for shape in SHAPES + LARGE:
                row = measure(shape, kind)
                rows.append(row)
                times = f"{row['convolution_ms']:9.3f} ms {row['matrices_ms']:7.3f} ms {row['gain']:5.1f}x"
                print(f"{kind:10} {'x'.join(map(str, shape)):20} {times}  {row['chosen']}", flush=True)
    path = record.write("upfirdn2d_cpu", "python -m benchmarks.upfirdn2d_cpu", 1, rows)
    print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
