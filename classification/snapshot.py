"""A trained classifier as a file: weights, label set, how it sees pictures, provenance; checked, runs no code."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from classification.models import build, channels_last
from classification.weights import Weights, fill, pad_as_tensorflow
from torch_utils.config import from_json, to_json
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.labels import LabelSet
from torch_utils.tensor_file import read_tensors, write_tensors
from torch_utils.version import PROJECT_VERSION

FORMAT = "kaokore-stylegan classifier 1"
PREFIX = "network."
_SEEN = "seen"


@dataclass(frozen=True, kw_only=True)
class ClassifierInfo:
    """What a classifier says of itself.

    Attributes:
        size, resize: sides in pixels: what the network sees, cut from the middle of what the picture is resized to.
        data: name, digest, split, licence, attribution and source of the pictures it was trained on.
        config: the training's options, as plain JSON.
        metrics: on dev, of these weights.
    """

    model: str
    label_set: LabelSet
    size: int
    resize: int
    weights: Weights
    epoch: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    project_version: str = PROJECT_VERSION
    digest: str = ""

    @property
    def name(self) -> str:
        """For results: "resnet18 status"."""
        return f"{self.model} {self.label_set.name}"


@dataclass(frozen=True, kw_only=True)
class LoadedClassifier:
    """A classifier in evaluation mode, and where it comes from.

    Attributes:
        seen: identities of the pictures it was trained and stopped on, int64 [N], sorted (`dataset.identity`).
    """

    network: nn.Module
    info: ClassifierInfo
    seen: Tensor
    path: Path


def save_classifier(path: Path, info: ClassifierInfo, state: dict[str, Tensor], seen: Tensor) -> str:
    """Write atomically; returns the digest."""
    document = {
        "format": FORMAT,
        **{name: to_json(getattr(info, name)) for name in ("model", "label_set", "size", "resize", "weights", "epoch")},
        **{name: getattr(info, name) for name in ("data", "config", "metrics", "project_version")},
    }
    return write_tensors(path, document, {PREFIX + name: tensor for name, tensor in state.items()} | {_SEEN: seen})


def load_classifier(path: Path | str, device: torch.device | str = "cpu") -> LoadedClassifier:
    """Read a classifier.

    Raises:
        SnapshotError: missing, damaged, not a classifier, or not the network its header describes.
    """
    path = Path(path)
    file = read_tensors(path, writer="classify.py")
    info = read_info(path, file.document, file.digest)
    try:
        network = build(info.model, len(info.label_set.classes), size=info.size)
        tensors = {n.removeprefix(PREFIX): tensor for n, tensor in file.tensors.items() if n.startswith(PREFIX)}
        _check_head(network, tensors)
        fill(network, tensors, str(path))
    except ConfigError as error:
        raise SnapshotError(f"{path}: does not hold the network it describes ({error})") from error
    if info.weights.tensorflow_padding:
        pad_as_tensorflow(network)
    seen = file.tensors.get(_SEEN, torch.empty(0, dtype=torch.int64))
    channels_last(network.eval().requires_grad_(False).to(device))
    return LoadedClassifier(network=network, info=info, seen=seen, path=path)


def read_info(path: Path, text: str, digest: str) -> ClassifierInfo:
    """The header of a classifier; raises SnapshotError where it is another kind of file or of another version."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise SnapshotError(
                f"{path}: holds a '{document['format']}', not a '{FORMAT}'. Give one that classify.py train saved."
            )
        return ClassifierInfo(
            label_set=from_json(LabelSet, document["label_set"], "label_set"),
            weights=from_json(Weights, document["weights"], "weights"),
            digest=digest,
            **{
                name: document[name]
                for name in ("model", "size", "resize", "epoch", "data", "config", "metrics", "project_version")
            },
        )
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"{path}: its header is not understood ({error}). Use the version that saved it."
        ) from error


def _check_head(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    own = network.state_dict()
    wrong = [name for name in own if name not in tensors or tensors[name].shape != own[name].shape]
    if wrong:
        there = list(tensors[wrong[0]].shape) if wrong[0] in tensors else "absent"
        raise ConfigError(f"{wrong[0]} is {there}, not {list(own[wrong[0]].shape)}. Train it again.")
