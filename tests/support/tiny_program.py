"""Feature extractors small enough for tests: as a module, and as a torch.export program in a file."""

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from metrics.extractors import Extractor

FEATURES = 6


class TinyFeatures(nn.Module):
    """uint8 [N, 3, H, W] → [N, 6]: a fixed mixture of the pictures' 4×4 thumbnails."""

    def __init__(self):
        super().__init__()
        mixture = torch.randn(3 * 16, FEATURES, generator=torch.Generator().manual_seed(3))
        self.mixture = nn.Parameter(mixture, requires_grad=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(pictures.float() / 255, 4).flatten(1) @ self.mixture


class Counting(nn.Module):
    """TinyFeatures that counts the pictures it sees."""

    def __init__(self):
        super().__init__()
        self.inner, self.seen = TinyFeatures(), 0

    def forward(self, pictures: Tensor) -> Tensor:
        self.seen += len(pictures)
        return self.inner(pictures)


def extractor_of(network: nn.Module, *, name: str = "tiny", sha256: str = "0" * 64, is_inception=False) -> Extractor:
    """An extractor around a module, without files."""
    return Extractor(
        name=name,
        sha256=sha256,
        resize="none",
        network=network,
        device=torch.device("cpu"),
        is_inception=is_inception,
    )


def write_program(path: Path, network: nn.Module | None = None, *, size: int | None = None) -> str:
    """Export a network (default TinyFeatures) and give the file's SHA-256.

    size: fix the pictures' size; by default any multiple of four goes.
    """
    side = size or 16
    example = (torch.zeros(2, 3, side, side, dtype=torch.uint8),)
    shapes = {0: torch.export.Dim.DYNAMIC}
    if size is None:
        shapes |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporting is not what is tested
        program = torch.export.export(network or TinyFeatures(), example, dynamic_shapes=(shapes,))
        torch.export.save(program, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
