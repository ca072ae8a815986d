"""A run's folder belongs to its options."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch_utils.config import differences, from_json, to_json
from torch_utils.errors import ConfigError
from torch_utils.files import write_text

CONFIG = "config.json"


def write_config(folder: Path, config: Any) -> None:
    """Note a run's options, a tree of dataclasses, in its folder."""
    write_text(folder / CONFIG, json.dumps(to_json(config), indent=2) + "\n")


def check_same(folder: Path, config: Any, may_change: Sequence[str] = ()) -> None:
    """Raise a ConfigError if the folder holds a run with other options than these, but for those that may change."""
    path = folder / CONFIG
    if not path.exists():
        return
    try:
        before = from_json(type(config), json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: not readable ({error}). Use another --outdir.") from error
    other = {name: pair for name, pair in differences(before, config).items() if name not in may_change}
    if other:
        words = ", ".join(f"{name} was {old}, is {new}" for name, (old, new) in other.items())
        raise ConfigError(f"--outdir {folder}: holds a run with other options ({words}). Use another folder.")
