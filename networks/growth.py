"""Progressive growing: how far a network is from its full resolution, and picture sizes meanwhile (Karras 2018)."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.checks import require
from networks.interface import ImageSpec


class Stage(NamedTuple):
    """Where a growing network stands."""

    resolution: int  # of the highest block that takes part, 4 … R
    scale: int  # R / resolution
    old_share: float  # weight of the block below in a cross-fade, 0 (none) … below 1


class Growing(nn.Module):
    """A network that begins with few blocks; mixed into generators and discriminators.

    `lod`, the number of doublings still to come, is saved with the weights. Control flow reads a copy of it that needs
    no wait for a GPU; the copy follows `grow` and `load_state_dict`, and nothing else may write the buffer.
    """

    image_spec: ImageSpec
    lod: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("lod", torch.zeros([], dtype=torch.float32))
        self._lod = 0.0
        self.register_load_state_dict_post_hook(_follow_loaded)

    def grow(self, lod: float) -> None:
        """Set the doublings still to come: 0 … log2(R) - 2; a fraction cross-fades two resolutions.

        Raises:
            ConfigError: out of range.
        """
        self._lod = self._checked(lod)
        self.lod.fill_(self._lod)

    def stage(self) -> Stage:
        """The highest block that takes part, and how much of the one below is still seen."""
        done = math.floor(self._lod)
        return Stage(self.image_spec.resolution >> done, 1 << done, self._lod - done)

    def _checked(self, lod: float) -> float:
        most = self.image_spec.resolution.bit_length() - 3  # the lowest block is 4x4
        require(0 <= lod <= most, "lod", lod, f"Use a number from 0 to {most} at {self.image_spec.resolution} pixels.")
        return float(np.float32(lod))  # as the buffer keeps it: a network that is loaded goes on exactly


def _follow_loaded(network: nn.Module, _incompatible_keys: Any) -> None:
    """A function, not a method: a copied network must not set the growth of the one it was copied from."""
    assert isinstance(network, Growing)
    network._lod = network._checked(float(network.lod))


def enlarge(pictures: Tensor, factor: int) -> Tensor:
    """[N, C, R, R] → [N, C, R·factor, R·factor], each pixel repeated."""
    return pictures if factor == 1 else F.interpolate(pictures, scale_factor=factor, mode="nearest")


def shrink(pictures: Tensor, factor: int) -> Tensor:
    """[N, C, R, R] → [N, C, R/factor, R/factor], means of squares of pixels."""
    return pictures if factor == 1 else F.avg_pool2d(pictures, factor)
