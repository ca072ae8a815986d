"""A trained agent as a file: weights, how it sees and paints, provenance; checked, runs no code."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from painting.agents.config import AgentConfig
from painting.agents.methods import build
from painting.agents.policy import Policy
from torch_utils.config import from_json, to_json
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.tensor_file import read_tensors, write_tensors
from torch_utils.version import PROJECT_VERSION

FORMAT = "kaokore-stylegan painting agent 1"


@dataclass(frozen=True, kw_only=True)
class AgentInfo:
    """What an agent says of itself.

    Attributes:
        updates: done.
        metrics: mean squared errors on pictures held out.
        data: name, digest, source, licence and attribution of the pictures it was trained on.
    """

    config: AgentConfig
    updates: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    project_version: str = PROJECT_VERSION
    digest: str = ""


@dataclass(frozen=True)
class LoadedAgent:
    """An agent in evaluation mode, and where it comes from."""

    policy: Policy
    info: AgentInfo
    path: Path


def save_agent(path: Path, info: AgentInfo, tensors: dict[str, Tensor]) -> str:
    """Write atomically; returns the digest."""
    document = {"format": FORMAT, "config": to_json(info.config)}
    document |= {name: getattr(info, name) for name in ("updates", "metrics", "data", "project_version")}
    return write_tensors(path, document, tensors)


def load_agent(path: Path | str, device: torch.device | str = "cpu") -> LoadedAgent:
    """Read an agent.

    Raises:
        SnapshotError: missing, damaged, no agent, or not the network its header describes.
    """
    path = Path(path)
    file = read_tensors(path, writer="paint.py train-agent")
    info = _info(path, file.document, file.digest)
    try:
        with torch.random.fork_rng(devices=[]):  # what is drawn is overwritten
            policy = build(info.config)
        policy.load_state_dict(file.tensors)
    except (RuntimeError, ConfigError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SnapshotError(f"{path}: does not hold the network it describes ({reason}). Train it again.") from error
    return LoadedAgent(policy.eval().requires_grad_(False).to(device), info, path)


def _info(path: Path, text: str, digest: str) -> AgentInfo:
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise SnapshotError(
                f"{path}: holds a '{document['format']}', not a '{FORMAT}'. Give one that paint.py train-agent saved."
            )
        names = ("updates", "metrics", "data", "project_version")
        return AgentInfo(
            config=from_json(AgentConfig, document["config"], "config"),
            digest=digest,
            **{name: document[name] for name in names},
        )
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"{path}: its header is not understood ({error}). Use the version that saved it."
        ) from error
