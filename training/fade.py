"""Real pictures as coarse as a growing generator's (Karras et al. 2018)."""

import math

from torch import Tensor

from networks.growth import enlarge, shrink


def faded(images: Tensor, lod: float) -> Tensor:
    """Means over squares of 2^lod pixels, each repeated; a fraction cross-fades two such pictures; [N, C, R, R]."""
    if lod == 0:
        return images
    done = math.floor(lod)
    small = shrink(images, 1 << done)
    if lod > done:
        small = small.lerp(enlarge(shrink(small, 2), 2), lod - done)
    return enlarge(small, 1 << done)
