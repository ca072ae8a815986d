"""Generators that are nothing but a formula, to know what their equivariance must be."""

import math
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from networks.interface import Generator, ImageSpec, Mapping
from networks.snapshot import SnapshotInfo

NUM_WAVES = 12


class Through(Mapping):
    """Styles that are the latents."""

    num_ws = 1

    def __init__(self):
        super().__init__()
        self.w_mean = torch.zeros(NUM_WAVES)

    def styles(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return z


class Waves(Generator):
    """Sine waves of at most `highest` cycles a pixel, strong as the latents say: moved exactly, whatever the move.

    texture: strength of a pattern that stays where it is.
    """

    def __init__(self, resolution: int = 32, *, highest: float = 0.1, texture: float = 0.0):
        super().__init__()
        self.image_spec, self.z_dim, self.mapping = ImageSpec(resolution=resolution), NUM_WAVES, Through()
        self.one = nn.Parameter(torch.ones([]))
        source = torch.Generator().manual_seed(3)
        angle = 2 * math.pi * torch.rand(NUM_WAVES, generator=source, dtype=torch.float64)
        radius = highest * resolution * torch.rand(NUM_WAVES, generator=source, dtype=torch.float64).sqrt()
        self.frequencies = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)  # per side
        self.phases = torch.rand(NUM_WAVES, generator=source, dtype=torch.float64)
        self.texture = texture * torch.rand(3, resolution, resolution, generator=source)
        self.inverse = torch.eye(3, dtype=torch.float64)

    @contextmanager
    def transformed(self, matrix: Tensor):
        self.inverse = torch.linalg.inv(matrix.double())
        try:
            yield
        finally:
            self.inverse = torch.eye(3, dtype=torch.float64)

    def synthesis(self, ws: Tensor, noise) -> Tensor:
        side = self.image_spec.resolution
        line = (torch.arange(side, dtype=torch.float64) + 0.5) / side - 0.5
        y, x = torch.meshgrid(line, line, indexing="ij")
        place = torch.stack([x, y, torch.ones_like(x)], dim=2) @ self.inverse.T  # where it was before the move
        waves = torch.sin(2 * math.pi * (place[..., :2] @ self.frequencies.T + self.phases))  # [R, R, waves]
        pictures = torch.einsum("yxk,nk->nyx", waves, ws[:, 0].double()) / (4 * NUM_WAVES**0.5)
        return pictures.float()[:, None].expand(-1, 3, -1, -1) + self.texture


class EveryOther(Waves):
    """A grey picture that every other move makes brighter by `step`."""

    def __init__(self, step: float):
        super().__init__()
        self.step, self.moves, self.moving = step, 0, False

    @contextmanager
    def transformed(self, matrix: Tensor):
        self.moves += 1
        self.moving = True
        try:
            yield
        finally:
            self.moving = False

    def synthesis(self, ws: Tensor, noise) -> Tensor:
        side = self.image_spec.resolution
        return torch.full((len(ws), 3, side, side), self.step * (self.moving and self.moves % 2))


def info_of(generator: Generator) -> SnapshotInfo:
    """What a snapshot of it would say."""
    return SnapshotInfo(image_spec=generator.image_spec, generator=None)
