"""The mapping network: z, and labels if there are any, to the style w."""

import itertools

import torch
from torch import Tensor, nn

from networks.interface import Mapping
from networks.layers import FullyConnected, normalize_second_moment


class MappingNetwork(Mapping):
    """Fully connected layers from normalised z (and embedded labels) to w.

    Args:
        z_dim: width of z; 0 for a network of labels alone (the discriminator's).
        label_dim: width of the conditioning vector, 0 for none.
        num_ws: how many layers a style is broadcast to.
        tracks_mean: keep a running mean of w, for truncation.
    Source: Karras et al. 2019, section 2; label embedding as in StyleGAN2-ADA.
    """

    def __init__(
        self,
        *,
        z_dim: int,
        label_dim: int,
        w_dim: int,
        num_ws: int,
        num_layers: int,
        lr_multiplier: float = 0.01,
        embed_dim: int | None = None,
        hidden_dim: int | None = None,
        act: str = "lrelu",
        tracks_mean: bool = True,
    ):
        super().__init__()
        self.z_dim, self.label_dim, self.num_ws = z_dim, label_dim, num_ws
        embed_dim = 0 if label_dim == 0 else (embed_dim or w_dim)
        hidden = hidden_dim or w_dim
        self.embed = FullyConnected(label_dim, embed_dim) if label_dim else None
        widths = [z_dim + embed_dim, *[hidden] * (num_layers - 1), w_dim]
        self.layers = nn.Sequential(
            *[
                FullyConnected(before, after, act=act, lr_multiplier=lr_multiplier)
                for before, after in itertools.pairwise(widths)
            ]
        )
        if tracks_mean:
            self.register_buffer("w_mean", torch.zeros(w_dim))

    def styles(self, z: Tensor | None, labels: Tensor | None) -> Tensor:
        """z [N, z_dim] and labels [N, label_dim] → w [N, w_dim], float32."""
        parts = []
        if self.z_dim:
            assert z is not None
            parts.append(normalize_second_moment(z.float()))
        if self.embed is not None:
            assert labels is not None
            parts.append(normalize_second_moment(self.embed(labels.float())))
        return self.layers(torch.cat(parts, dim=1))
