"""Golden numbers as tensors: the copies in tests/golden, and the larger files in ../shared/golden."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

COPIES = Path(__file__).resolve().parent.parent / "golden"


def golden_cases(path: Path) -> dict[str, dict[str, Any]]:
    """Case name → the parameters it was made with."""
    with np.load(path, allow_pickle=False) as golden:
        return json.loads(str(golden["meta_json"]))["cases"]


def golden_tensors(path: Path, case: str = "") -> dict[str, Tensor]:
    """The arrays of one case by their short names (without a case: those that belong to none)."""
    prefix = f"{case}/" if case else ""
    with np.load(path, allow_pickle=False) as golden:
        names = [name for name in golden.files if name.startswith(prefix) and "/" not in name.removeprefix(prefix)]
        return {name.removeprefix(prefix): torch.from_numpy(golden[name]) for name in names if name != "meta_json"}
