"""A fourth generator, as docs/extending.md shows how to add one: a picture from one matrix per style."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from networks.interface import Generator, ImageSpec, Noise
from networks.mapping import MappingNetwork

_NUM_WS = 2


@dataclass(frozen=True, kw_only=True)
class ToyGeneratorConfig:
    """Options that presets and `--set` know by these names."""

    kind: Literal["toy"] = "toy"
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 2
    w_mean_decay: float = 0.995
    channel_base: int = 64
    channel_max: int = 8

    def build(self, image_spec: ImageSpec) -> "ToyGenerator":
        """A freshly initialised generator for these pictures."""
        return ToyGenerator(self, image_spec)


class ToyGenerator(Generator):
    """Rows from the first style, columns from the second."""

    def __init__(self, config: ToyGeneratorConfig, image_spec: ImageSpec):
        super().__init__()
        self.config, self.image_spec, self.z_dim = config, image_spec, config.z_dim
        size = image_spec.channels * image_spec.resolution
        self.rows = nn.Linear(config.w_dim, size * config.channel_max)
        self.columns = nn.Linear(config.w_dim, size * config.channel_max)
        self.mapping = MappingNetwork(
            z_dim=config.z_dim,
            label_dim=image_spec.label_dim,
            w_dim=config.w_dim,
            num_ws=_NUM_WS,
            num_layers=config.mapping_layers,
        )

    def synthesis(self, ws: Tensor, noise: Noise) -> Tensor:
        """Styles [N, 2, w_dim] → float32 pictures [N, C, R, R]."""
        shape = (self.image_spec.channels, self.image_spec.resolution, self.config.channel_max)
        rows = self.rows(ws[:, 0]).unflatten(1, shape)
        columns = self.columns(ws[:, 1]).unflatten(1, shape)
        return torch.einsum("ncik,ncjk->ncij", rows, columns)
