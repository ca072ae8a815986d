"""What do several processes and saving cost a training on this CPU?

    python -m benchmarks.processes_cpu [--quick]

Real runs of train.py on drawn faces at 64 pixels, one thread a process, one process and two in turn: seconds per
thousand pictures, and for how long a save makes the training stand still. And a step of D in two processes, its
gradients summed in buckets during the backward pass, or all at once after it. Writes
benchmarks/results/processes_cpu.json.
"""

import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from benchmarks import record
from networks.interface import ImageSpec
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from torch_utils.gradients import BUCKET_BYTES, GradientSum

TURNS = 3
NETWORKS = (
    "generator.channel_base=1024",
    "discriminator.channel_base=1024",
    "generator.z_dim=64",
    "generator.w_dim=64",
)


def run(data: Path, folder: Path, processes: int, kimg: float) -> list[dict[str, float]]:
    """The lines of stats.jsonl of a run; every tick saves."""
    settings = [word for setting in NETWORKS for word in ("--set", setting)]
    flags = ["--gpus", 0, "--processes", processes, "--threads", 1, "--batch", 16, "--batch-gpu", 8, "--kimg", kimg]
    flags += ["--tick", kimg / 4, "--snap", 1, "--aug", "noaug", "--outdir", folder]
    command = [sys.executable, "train.py", "--data", data, *flags, *settings]
    subprocess.run([*map(str, command)], cwd=record.REPOSITORY, check=True, capture_output=True)
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def measure(data: Path, place: Path, turns: int, kimg: float) -> list[dict[str, Any]]:
    """A row for one process and for two; the first tick, which warms up, is left out."""
    ticks: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for turn in range(turns):
        for processes, lines in ticks.items():
            lines += run(data, place / f"{processes}-{turn}", processes, kimg)[1:]
    return [
        {
            "what": "training, 64 pixels, channel base 1024, batch 16 in slices of 8",
            "processes": processes,
            "s_per_kimg": round(statistics.median(line["time/s_per_kimg"] for line in lines), 2),
            "save_stall_ms": round(statistics.median(line["time/saving"] for line in lines) * 1000, 1),
        }
        for processes, lines in ticks.items()
    ]


def summed_steps(rank: int, place: Path, rounds: int) -> None:
    """In one of two processes: forward, backward and sum, by buckets and by one exchange in turn; rank 0 writes ms."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place / 'meeting'}", rank=rank, world_size=2)
    discriminator = StyleGAN2DiscriminatorConfig(channel_base=8192, channel_max=256).build(ImageSpec(resolution=64))
    images, parameters = torch.randn(8, 3, 64, 64), list(discriminator.parameters())
    times: dict[int, list[float]] = {BUCKET_BYTES: [], 2**40: []}
    for turn in range(rounds):
        for size, column in times.items():
            copied = copy.deepcopy(discriminator)  # hooks of its own
            sums = GradientSum(list(copied.parameters()), size)
            began = 0.0
            for _ in range(3):  # the first learns which gradients there are
                dist.barrier()
                began = time.perf_counter()
                with sums.last_backward():
                    copied(images).mean().backward()
                sums.finish()
            column += [time.perf_counter() - began] if turn else []
    dist.destroy_process_group()
    if rank == 0:
        weights = sum(parameter.nbytes for parameter in parameters)
        found = [statistics.median(column) * 1000 for column in times.values()]
        (place / "sums.json").write_text(json.dumps([*found, weights]))


def sums_row(place: Path, rounds: int) -> dict[str, Any]:
    """Buckets against one exchange of everything."""
    spawn(summed_steps, args=(place, rounds), nprocs=2)
    buckets, flat, weights = json.loads((place / "sums.json").read_text())
    return {
        "what": "a step of D, 64 pixels, channel base 8192, 8 pictures, with the sum of its gradients",
        "processes": 2,
        "gradients_mib": round(weights / 2**20, 1),
        "buckets_ms": round(buckets, 1),
        "one_exchange_ms": round(flat, 1),
    }


@click.command()
@click.option("--quick", is_flag=True, help="One short turn; nothing is written.")
def main(quick: bool) -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "faces.zip"
        drawing = [sys.executable, "dataset_tool.py", "demo", "--out", data, "--count", 200, "--resolution", 64]
        subprocess.run([*map(str, drawing)], cwd=record.REPOSITORY, check=True, capture_output=True)
        rows = measure(data, Path(folder), 1 if quick else TURNS, 0.256 if quick else 1.024)
        rows.append(sums_row(Path(folder), 3 if quick else 15))
    for row in rows:
        print(row)
    if not quick:
        path = record.write("processes_cpu", "python -m benchmarks.processes_cpu", 1, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
