"""What every committed measurement says of its circumstances."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from torch_utils.files import write_text

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"


def circumstances(command: str, threads: int, **versions: str) -> dict[str, Any]:
    """Command, commit, hardware, versions, date.

    The commit is the checkout's; KAOKORE_COMMIT names it where the sources were copied without their history.
    """
    commit = os.environ.get("KAOKORE_COMMIT") or subprocess.check_output(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, text=True
    )
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "command": command,
        "commit": commit.strip(),
        "hardware": f"{_gpus()}{models[0].split(':')[1].strip()}, {len(models)} cores seen, threads used: {threads}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, **versions},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _gpus() -> str:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return "".join(f"{torch.cuda.get_device_name(index)}, " for index in range(count))


def write(name: str, command: str, threads: int, rows: list[dict[str, Any]], **versions: str) -> Path:
    """Write rows with their circumstances, those versions among them, to benchmarks/results/<name>.json."""
    path = RESULTS / f"{name}.json"
    write_text(path, json.dumps(circumstances(command, threads, **versions) | {"rows": rows}, indent=1) + "\n")
    return path
