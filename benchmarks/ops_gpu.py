"""How much of the GPU's memory bandwidth does each kernel reach, against a device copy?

    python -m benchmarks.ops_gpu

Pictures of 256x256, 64 channels. The bytes of an operator are those it cannot do without: each input read and each
result written once. Ten calls at once between CUDA events, medians of ten rounds; the copy is timed in the same run.
Prints a table and writes benchmarks/results/ops_gpu.json. Needs a GPU; ends with 2 where there is none.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from benchmarks import record
from torch_utils.ops import bias_act, filtered_lrelu, synthesis_epilogue, upfirdn2d, warp  # noqa: F401 (registers)
from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.native import load_ops
from torch_utils.ops.upfirdn2d import setup_filter

DTYPES = {"fp16": torch.float16, "fp32": torch.float32}
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
ROUNDS, CALLS, WARM_UP = 10, 10, 5
HEAD_START = 10_000_000  # cycles that the card waits, so that it never waits for the host between the calls of a round
CONTIGUOUS = ("kaokore.upfirdn2d", "kaokore.filtered_lrelu", "kaokore.warp")  # operators whose results always are
SHAPE = (16, 64, 256, 256)  # 134 MB in half precision: more than any cache holds


@dataclass(frozen=True)
class Case:
    """An operator, its arguments for pictures x, and the share of a copy's bandwidth it should reach."""

    op: OpOverload
    arguments: Callable[[Tensor], tuple[Any, ...]]
    goal: float | None = None

    @property
    def layouts(self) -> list[str]:
        """Those that the kernel reads as they are; the others' results are always contiguous."""
        return list(LAYOUTS) if not str(self.op).startswith(CONTIGUOUS) else ["contiguous"]


def _filtered(
    up: int, down: int, padding: list[int], taps: list[float], separable: bool = False
) -> Callable[[Tensor], tuple[Any, ...]]:
    def arguments(x: Tensor) -> tuple[Any, ...]:
        f = setup_filter(taps, separable=separable).to(x.device)
        pictures = x[:, :, ::up, ::up].contiguous()  # so that the larger side is 256 pixels
        return pictures, f, [up, up], [down, down], padding, False, float(up**2)

    return arguments


def _nonlinear(up: int, *, radial: bool = False, keep: bool = False) -> Callable[[Tensor], tuple[Any, ...]]:
    """StyleGAN3's: up, and down by 2."""

    def arguments(x: Tensor) -> tuple[Any, ...]:
        pictures = x[:, :, :: up // 2, :: up // 2].contiguous()  # so that results have 256 pixels a side
        fu, fd = design_lowpass(6 * up, 4, 8, 16 * up), design_lowpass(12, 4, 8, 32, radial=radial)
        assert fu is not None and fd is not None
        padding = [3 * up + 6, 3 * up + 5] * 2
        bias, options = x[0, :, 0, 0].contiguous(), (False, 0.2, 2**0.5, 256.0, keep)
        return pictures, bias, fu.to(x.device), fd.to(x.device), [up, up], [2, 2], padding, *options

    return arguments


def _nonlinear_backward(x: Tensor) -> tuple[Any, ...]:
    pictures, bias, fu, fd, up, down, padding, _, slope, gain, clamp, _ = _nonlinear(2)(x)
    _, signs = ops.filtered_lrelu(pictures, bias, fu, fd, up, down, padding, False, slope, gain, clamp, True)
    return pictures, signs, fd, fu, down, up, [10, 11, 10, 11], [1, 1], True, slope, gain


def _noise(x: Tensor) -> Tensor:
    return x[:, :1].contiguous()


ops = torch.ops.kaokore
SHORT, LONG = [1.0, 3.0, 3.0, 1.0], [float(k) for k in (1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1)]
LRELU = (1, "lrelu", 0.2, 2**0.5, 256.0)
SWISH = (1, "swish", 0.0, 2**0.5, None)
TAIL = (0.2, 2**0.5, 256.0)
TILTED = [[0.96, -0.28, 0.1], [0.28, 0.96, -0.05]]
CASES = {
    "bias_act lrelu": Case(ops.bias_act.default, lambda x: (x, x[0, :, 0, 0].contiguous(), *LRELU), 0.8),
    "bias_act swish": Case(ops.bias_act.default, lambda x: (x, x[0, :, 0, 0].contiguous(), *SWISH), 0.8),
    "bias_act lrelu backward": Case(ops.bias_act_backward.default, lambda x: (x, x.clone(), None, *LRELU), 0.8),
    "bias_act swish backward": Case(ops.bias_act_backward.default, lambda x: (x, x.clone(), None, *SWISH), 0.8),
    "bias_act lrelu gradients": Case(ops.bias_act_gradients.default, lambda x: (x, x.clone(), None, *LRELU), 0.8),
    "epilogue": Case(
        ops.synthesis_epilogue.default,
        lambda x: (x, x[:, :, 0, 0].contiguous(), _noise(x), x[0, :, 0, 0].contiguous(), *TAIL),
        0.8,
    ),
    "epilogue backward": Case(
        ops.synthesis_epilogue_backward.default,
        lambda x: (x, x.clone(), x.clone(), x[:, :, 0, 0].contiguous(), True, *TAIL),
        0.8,
    ),
    "upfirdn2d up 2": Case(ops.upfirdn2d.default, _filtered(2, 1, [2, 1, 2, 1], SHORT), 0.6),
    "upfirdn2d down 2": Case(ops.upfirdn2d.default, _filtered(1, 2, [1, 1, 1, 1], SHORT), 0.6),
    "upfirdn2d same size": Case(ops.upfirdn2d.default, _filtered(1, 1, [2, 1, 2, 1], SHORT), 0.6),
    "upfirdn2d up 2, 12 taps": Case(ops.upfirdn2d.default, _filtered(2, 1, [6, 5, 6, 5], LONG, True)),
    "upfirdn2d down 2, 12 taps": Case(ops.upfirdn2d.default, _filtered(1, 2, [5, 5, 5, 5], LONG, True)),
    "filtered_lrelu up 2, down 2": Case(ops.filtered_lrelu.default, _nonlinear(2)),
    "filtered_lrelu keeping signs": Case(ops.filtered_lrelu.default, _nonlinear(2, keep=True)),
    "filtered_lrelu up 4, down 2": Case(ops.filtered_lrelu.default, _nonlinear(4)),
    "filtered_lrelu radial": Case(ops.filtered_lrelu.default, _nonlinear(2, radial=True)),
    "filtered_lrelu backward": Case(ops.filtered_lrelu_signed.default, _nonlinear_backward),
    "warp": Case(ops.warp.default, lambda x: (x, _tilted(x), [256, 256])),
    "warp backward": Case(ops.warp_backward.default, lambda x: (x, _tilted(x), [256, 256])),
}


def _tilted(x: Tensor) -> Tensor:
    return torch.tensor(TILTED, device=x.device).repeat(len(x), 1, 1)


def milliseconds(body: Callable[[], Any]) -> float:
    """A call on the GPU, of several that follow each other at once; the median over the rounds."""
    for _ in range(WARM_UP):
        body()
    times = []
    for _ in range(ROUNDS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(HEAD_START)
        start.record()
        for _ in range(CALLS):
            body()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / CALLS)
    return statistics.median(times)


def _bytes(*values: Any) -> int:
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))


def measure(name: str, dtype: str, layout: str) -> dict[str, Any]:
    """One row: an operator and a copy of as many bytes."""
    x = torch.randn(SHAPE, device="cuda").to(dtype=DTYPES[dtype], memory_format=LAYOUTS[layout])
    case = CASES[name]
    arguments = case.arguments(x)
    result = case.op(*arguments)
    moved = _bytes(*arguments, *(result if isinstance(result, tuple) else (result,)))
    source, target = torch.empty(2, moved // 2, dtype=torch.uint8, device="cuda")
    took, copy = milliseconds(lambda: case.op(*arguments)), milliseconds(lambda: target.copy_(source))
    return {
        "op": name,
        "type": dtype,
        "layout": layout,
        "ms": round(took, 4),
        "gb_per_s": round(moved / took / 1e6, 1),
        "copy_gb_per_s": round(moved / copy / 1e6, 1),
        "of_a_copy": round(copy / took, 3),
        "goal": case.goal,
    }


def _line(row: dict[str, Any]) -> str:
    goal = row["goal"] or 0
    verdict = f"{goal:.0%} {'met' if row['of_a_copy'] >= goal else 'missed'}" if goal else ""
    numbers = f"{row['ms']:8.3f} {row['gb_per_s']:7.0f} {row['of_a_copy']:9.0%}"
    return f"{row['op']:28} {row['type']:5} {row['layout']:14} {numbers}  {verdict}"


def main() -> None:
    """Measure, print, write."""
    if not torch.cuda.is_available():
        print("ops_gpu: needs a CUDA device, and torch sees none here. Nothing was measured.", file=sys.stderr)
        sys.exit(2)
    load_ops("cuda", torch.device("cuda"), print)
    rows = []
    print(f"{'op':28} {'type':5} {'layout':14} {'ms':>8} {'GB/s':>7} {'of a copy':>9}  goal")
    for name in CASES:
        for dtype in DTYPES:
            for layout in CASES[name].layouts:
                row = measure(name, dtype, layout)
                rows.append(row | {"device": torch.cuda.get_device_name()})
                print(_line(row), flush=True)
    path = record.write("ops_gpu", "python -m benchmarks.ops_gpu", 1, rows)
    print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
