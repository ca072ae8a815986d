"""What do the compiled ops gain on this CPU, each alone and in a whole training?

    python -m benchmarks.ops_cpu [--threads 1] [--quick]

Each row is a ratio within one run: an op against its plain twin (upfirdn2d against zero insertion, a 3x3 convolution
against torch's); a generator's forward pass at 256 pixels against its bare convolutions (same shapes, shared weights);
a training iteration at 64 pixels, compiled against the networks by the book, in processes that take turns. Writes
benchmarks/results/ops_cpu_<threads>.json.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks import record
from benchmarks.convolutions import CONVOLUTIONS, bare_convolutions, convolution_calls
from benchmarks.iterations import iteration_rounds
from benchmarks.op_calls import (
    Call,
    bias_act_both,
    bias_act_forward,
    bias_act_inputs,
    both,
    by_plain_bodies,
    epilogue_both,
    filtered_layer,
    warp_calls,
    without_gradient,
)
from benchmarks.training_cpu import Row, forward_g, narrow_training
from benchmarks.unfused import by_the_book, zero_insertion
from torch_utils.memory import keep_freed_memory
from torch_utils.ops import bias_act as bias_act_module
from torch_utils.ops.native import load_ops
from torch_utils.ops.upfirdn2d import setup_filter

CPU = torch.device("cpu")
SHAPES = [(16, 64, 16, 16), (16, 32, 32, 32), (16, 16, 64, 64), (1, 64, 256, 256)]
LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}  # networks use the first
CLAMP = 256.0  # as networks that compute in half precision have it
ROUNDS, TURNS = 15, 7  # many turns of whole iterations: where memory is shared, one may be off by a fifth
RESAMPLING = {"up 2": ([2, 2], [1, 1], [2, 1, 2, 1], 4.0), "down 2": ([1, 1], [2, 2], [1, 1, 1, 1], 1.0)}
# As in StyleGAN3's networks for 256 pixels: picture, up, down, whether the filter for downsampling is radial.
FILTERED = [
    ((1, 128, 36, 36), 2, 2, False),
    ((1, 64, 84, 84), 4, 2, False),
    ((1, 32, 148, 148), 2, 2, False),
    ((1, 32, 148, 148), 2, 2, True),
    ((1, 16, 276, 276), 2, 2, False),
]


def medians(calls: list[Call], rounds: int) -> list[float]:
    """Milliseconds of each call, taken in turn so that a busy machine hits all alike."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 2):
        for index, call in enumerate(calls):
            began = time.perf_counter()
            call()
            times[index].append((time.perf_counter() - began) * 1000)
    return [statistics.median(column[2:]) for column in times]


def row(what: str, shape: object, slow: str, calls: list[Call], rounds: int) -> dict[str, Any]:
    """One comparison; the first call is the slow one."""
    before, after = medians(calls, rounds)
    return {"what": what, "shape": shape, "against": slow, "ms": round(after, 4), "against_ms": round(before, 4)}


def op_rows(shape: tuple[int, ...], layout: str, rounds: int) -> list[dict[str, Any]]:
    """bias_act, the epilogue and upfirdn2d, forward and with backward; the slow ones on contiguous pictures always."""
    f, x = setup_filter([1, 3, 3, 1]), torch.randn(shape)
    y = x.to(memory_format=LAYOUTS[layout])

    def pair(call: Callable[..., Call]) -> list[Call]:
        return [call(x, compiled=False), call(y, compiled=True)]

    comparisons = {
        "bias_act forward": pair(bias_act_forward),
        "bias_act forward and backward": pair(bias_act_both),
        "bias_act forward, clamped": pair(partial(bias_act_forward, clamp=CLAMP)),
        "bias_act forward and backward, clamped": pair(partial(bias_act_both, clamp=CLAMP)),
        "epilogue forward and backward": pair(epilogue_both),
    }
    rows = [row(f"{what}, {layout}", list(shape), "plain body", calls, rounds) for what, calls in comparisons.items()]
    for what, (*factors, padding, gain) in RESAMPLING.items():
        arguments = (f, *factors, padding, False, gain)
        calls = [partial(zero_insertion, x, *arguments), partial(torch.ops.kaokore.upfirdn2d, y, *arguments)]
        rows.append(row(f"upfirdn2d {what}, {layout}", list(shape), "zero insertion", calls, rounds))
    return rows


def call_rows(rounds: int) -> list[dict[str, Any]]:
    """What a call costs where there is next to nothing to compute, against a call through torch's dispatcher."""
    inputs = bias_act_inputs(torch.randn(1, 4, 2, 2).requires_grad_())
    rest = dict(zip(("dim", "act", "alpha", "gain", "clamp"), inputs[2:], strict=True))
    short, long = partial(bias_act_module.bias_act, *inputs[:2], **rest), partial(torch.ops.kaokore.bias_act, *inputs)
    dy, shape, slow = torch.ones(1, 4, 2, 2), [1, 4, 2, 2], "the dispatcher's road"

    def derived(call: Callable[[], Tensor]) -> Call:
        return lambda: torch.autograd.grad(call(), inputs[0], dy)

    return [
        row("a call of bias_act, gradients kept for", shape, slow, [long, short], rounds),
        row("a call of bias_act and its gradient", shape, slow, [derived(long), derived(short)], rounds),
    ]


def filtered_lrelu_rows(rounds: int) -> list[dict[str, Any]]:
    """filtered_lrelu forward, and forward with the gradients of picture and bias."""
    rows = []
    for shape, up, down, radial in FILTERED:
        layer = filtered_layer(shape, up, down, radial)
        for what, body in (("forward", without_gradient), ("forward and backward", both)):
            call: Call = partial(body, layer)
            calls: list[Call] = [partial(by_plain_bodies, call), call]
            name = f"filtered_lrelu up {up}, down {down}{', radial' if radial else ''} {what}"
            rows.append(row(name, list(shape), "plain body", calls, rounds))
    return rows


def warp_rows(rounds: int) -> list[dict[str, Any]]:
    """The warp of an augmentation at its strongest, 16 pictures of 64 pixels, and its transpose."""
    shape, calls = warp_calls()
    return [row(what, shape, "plain body", pair, rounds) for what, pair in calls.items()]


def iteration(compiled: bool, threads: int, rounds: int) -> dict[str, float]:
    """A training iteration in this process: seconds (a list), and the peak of memory in MiB."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()
    if compiled:
        load_ops("auto", CPU, print)
        times = iteration_rounds(narrow_training(Row("auto", 64, 1024, 64, 16, 16)), rounds, CPU)
    else:
        with by_the_book():
            times = iteration_rounds(narrow_training(Row("auto", 64, 1024, 64, 16, 16)), rounds, CPU)
    return {"ms": statistics.median(times) * 1000, "mib": peak_memory()}


def peak_memory() -> float:
    """MiB of this process at its largest; the system's other counter takes over that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) / 1024


def iteration_row(threads: int, rounds: int, turns: int) -> dict[str, Any]:
    """Processes in turn: ops cannot be unloaded. The gain is the middle one of the turns'."""
    found: dict[str, list[dict[str, float]]] = {"book": [], "compiled": []}
    for _ in range(turns):
        for kind, results in found.items():
            command = [sys.executable, "-m", "benchmarks.ops_cpu", "--threads", str(threads), "--worker", kind]
            done = subprocess.run([*command, "--rounds", str(rounds)], capture_output=True, text=True, check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    pairs = zip(found["book"], found["compiled"], strict=True)
    gains = sorted(round(before["ms"] / after["ms"], 2) for before, after in pairs)
    middle = {kind: statistics.median(result["ms"] for result in results) for kind, results in found.items()}
    return {
        "what": "training iteration",
        "shape": "64 pixels, channel base 1024, batch 16",
        "against": "networks by the book",
        "ms": round(middle["compiled"], 2),
        "against_ms": round(middle["book"], 2),
        "gain": statistics.median(gains),
        "gains": gains,
        "mib": round(max(result["mib"] for result in found["compiled"])),
        "against_mib": round(max(result["mib"] for result in found["book"])),
    }


@click.command()
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--quick", is_flag=True, help="One round; nothing is written.")
@click.option("--worker", type=click.Choice(["book", "compiled"]), hidden=True)
@click.option("--rounds", default=9, hidden=True)
def main(threads: int, quick: bool, worker: str | None, rounds: int) -> None:
    """Measure, print, write."""
    if worker:
        print(json.dumps(iteration(worker == "compiled", threads, rounds)))
        return
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    keep_freed_memory()
    print(load_ops("auto", CPU, print))
    with torch.inference_mode():
        rows = [
            found for layout in LAYOUTS for shape in SHAPES for found in op_rows(shape, layout, 1 if quick else ROUNDS)
        ]
        rows += warp_rows(1 if quick else ROUNDS)
        rows += [
            row(f"3x3 convolution, {what}", shape, "torch's convolution", calls, 1 if quick else ROUNDS)
            for shape in (CONVOLUTIONS[:1] if quick else CONVOLUTIONS)
            for what, calls in convolution_calls(*shape).items()
        ]
        calls = [bare_convolutions(256, 16384, 512), forward_g(Row("auto", 256, 16384, 512, 1, None))]
        if not quick:
            rows.append(row("generator forward", "256 pixels, channel base 16384", "bare convolutions", calls, ROUNDS))
    rows += call_rows(1 if quick else 100 * ROUNDS)
    rows += filtered_lrelu_rows(1 if quick else ROUNDS)
    rows.append(iteration_row(threads, 1 if quick else rounds, 1 if quick else TURNS))
    for item in rows:
        item.setdefault("gain", round(item["against_ms"] / item["ms"], 2))
        print(f"{item['what']:55} {item['shape']!s:40} {item['ms']:9.3f} ms, {item['gain']:5.2f}x of {item['against']}")
    if not quick:
        command = f"python -m benchmarks.ops_cpu --threads {threads}"
        path = record.write(f"ops_cpu_{threads}", command, threads, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
