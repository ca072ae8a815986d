"""A trained painter as a file: weights, what they imitate, how close they are, provenance; checked, runs no code."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from painting.brushes import BRUSHES
from painting.learned.architectures import ARCHITECTURES
from painting.learned.brush import LearnedBrush
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.tensor_file import read_tensors, write_tensors
from torch_utils.version import PROJECT_VERSION

FORMAT = "kaokore-stylegan painter 1"
_PREFIX = "painter."
_WRITER = "paint.py train-renderer"


@dataclass(frozen=True, kw_only=True)
class PainterInfo:
    """What a painter says of itself.

    Attributes:
        brush: whose strokes it draws.
        size: side in pixels of what it was trained on.
        steps: it was trained for.
        config: the training's options, as plain JSON.
        metrics: on held-out strokes.
    """

    brush: str
    arch: str
    size: int
    steps: int
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    project_version: str = PROJECT_VERSION
    digest: str = ""


@dataclass(frozen=True)
class LoadedPainter:
    """A painter ready to draw, as a brush, and where it comes from."""

    brush: LearnedBrush
    info: PainterInfo
    path: Path

    @property
    def about(self) -> dict[str, str]:
        """For a painting's header: through what its strokes were moved."""
        return {"painter": f"{self.info.arch} {self.path.name}", "painter_digest": self.info.digest}


def save_painter(path: Path, info: PainterInfo, state: dict[str, Tensor]) -> str:
    """Write atomically; returns the digest."""
    document = {"format": FORMAT} | {name: value for name, value in vars(info).items() if name != "digest"}
    return write_tensors(path, document, {_PREFIX + name: tensor for name, tensor in state.items()})


def load_painter(path: Path | str, device: torch.device | str = "cpu") -> LoadedPainter:
    """Read a painter.

    Raises:
        SnapshotError: missing, damaged, not a painter, or not the network its header describes.
    """
    path = Path(path)
    file = read_tensors(path, writer=_WRITER)
    info = _info(path, file.document, file.digest)
    painter = ARCHITECTURES[info.arch].build(BRUSHES[info.brush], info.size)
    try:
        painter.network.load_state_dict({name.removeprefix(_PREFIX): tensor for name, tensor in file.tensors.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise SnapshotError(f"{path}: does not hold the painter it describes ({reason}). Train it again.") from error
    painter.network.eval().requires_grad_(False).to(device)
    return LoadedPainter(painter, info, path)


def painter_of(path: Path | str, brush: str, option: str, device: torch.device | str = "cpu") -> LoadedPainter:
    """Read a painter that must draw this brush.

    Args:
        option: of the command line that names it, for the message.
    Raises:
        SnapshotError: as `load_painter`. ConfigError: it draws another brush.
    """
    painter = load_painter(path, device)
    if painter.info.brush != brush:
        raise ConfigError(
            f"{option} {path}: draws {painter.info.brush}, but {brush} is painted with. "
            f"Add --brush {painter.info.brush}, or use a painter of {brush}."
        )
    return painter


def _info(path: Path, text: str, digest: str) -> PainterInfo:
    """The header of a painter, checked."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise SnapshotError(f"{path}: holds a '{document['format']}', not a '{FORMAT}'. Give one of {_WRITER}.")
        names = ("brush", "arch", "size", "steps", "config", "metrics", "project_version")
        info = PainterInfo(digest=digest, **{name: document[name] for name in names})
        for name, known in ((info.brush, BRUSHES), (info.arch, ARCHITECTURES)):
            if name not in known:
                raise ConfigError(f"'{name}' is none of {', '.join(known)}")
        ARCHITECTURES[info.arch].check_size(info.size)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"{path}: its header is not understood ({error}). Use the version that saved it."
        ) from error
    return info
