"""What do several processes and saving cost a training on this CPU?

    python -m benchmarks.processes_cpu [--quick]

Real runs of train.py on drawn faces at 64 pixels, one thread a process, one process and two in turn: seconds per
thousand pictures, and for how long a save makes the training stand still. Writes benchmarks/results/processes_cpu.json.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks import record

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


@click.command()
@click.option("--quick", is_flag=True, help="One short turn; nothing is written.")
def main(quick: bool) -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "faces.zip"
        drawing = [sys.executable, "dataset_tool.py", "demo", "--out", data, "--count", 200, "--resolution", 64]
        subprocess.run([*map(str, drawing)], cwd=record.REPOSITORY, check=True, capture_output=True)
        rows = measure(data, Path(folder), 1 if quick else TURNS, 0.256 if quick else 1.024)
    for row in rows:
        print(row)
    if not quick:
        path = record.write("processes_cpu", "python -m benchmarks.processes_cpu", 1, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
