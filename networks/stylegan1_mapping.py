"""The mapping network of StyleGAN1: labels enter through a plain matrix and are normalised together with z."""

import itertools

import torch
from torch import Tensor, nn

from networks.interface import Mapping
from networks.layers import normalize_second_moment
from networks.stylegan1_layers import HeLinear


class StyleGAN1Mapping(Mapping):
    """Fully connected layers from z, and embedded labels, to w.

    Args:
        label_dim: width of the conditioning vector, 0 for none.
        num_ws: how many layers a style is broadcast to.
    Source: Karras et al. 2019, section 2.
    """

    def __init__(
        self, *, z_dim: int, label_dim: int, w_dim: int, num_ws: int, num_layers: int, lr_multiplier: float = 0.01
    ):
        super().__init__()
        self.num_ws = num_ws
        self.embedding = nn.Parameter(torch.randn(label_dim, z_dim)) if label_dim else None
        widths = [z_dim * (2 if label_dim else 1), *[w_dim] * num_layers]
        self.layers = nn.Sequential(
            *[HeLinear(before, after, lr_multiplier=lr_multiplier) for before, after in itertools.pairwise(widths)]
        )
        self.register_buffer("w_mean", torch.zeros(w_dim))

    def styles(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """z [N, z_dim] and labels [N, label_dim] → w [N, w_dim], float32."""
        x = z.float()
        if self.embedding is not None:
            assert labels is not None
            x = torch.cat([x, labels.float() @ self.embedding], dim=1)
        return self.layers(normalize_second_moment(x))
