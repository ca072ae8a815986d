"""What `paint.py train-agent` does: options, a device, a training, and what to do next."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dataset.archive import Archive
from painting.agents.config import AgentConfig
from painting.agents.options import TrainFlags, config_of, folder_of
from painting.agents.training_run import train
from painting.methods import AGENT_BRUSHES
from torch_utils.config import to_json
from torch_utils.devices import pick_device
from torch_utils.memory import keep_freed_memory


@dataclass(frozen=True)
class Machine:
    """Where to compute: auto, cpu or cuda, and threads of the former."""

    device: str
    threads: int


def train_agent(flags: Mapping[str, Any], machine: Machine, dry_run: bool, say: Callable[[str], None]) -> int:
    """Train as a command line says; gives the exit status: 0, or that of the signal that stopped it.

    Args:
        flags: of `painting.agents.options.TrainFlags`, by name.
    Raises:
        UserError: as `config_of` and `train`.
    """
    given = TrainFlags(**flags)
    config = config_of(given)
    if dry_run:
        say(json.dumps(to_json(config), indent=2))
        return 0
    torch.set_num_threads(machine.threads)
    keep_freed_memory()
    device = pick_device(machine.device)
    result = train(config, Archive.open(given.data), folder_of(given, config), device)
    if result.interrupted:
        say(f"stopped after {result.updates} updates. To go on: {shlex.join(['python', *sys.argv])}")
        return result.interrupted
    say(f"done: {result.updates} updates, mean squared error on held-out pictures {result.metrics['l2']:.4f}")
    say(f"next: python paint.py paint face.png --method {_method(config)} --agent {shlex.quote(str(result.agent))}")
    return 0


def _method(config: AgentConfig) -> str:
    return next(name for name, brushes in AGENT_BRUSHES.items() if config.brush in brushes)
