"""The one source of randomness of the augmentation."""

import torch
from torch import Tensor

_SEEDS = 2**62


class Draws:
    """Random numbers for one batch, one per picture, from one generator.

    A generator on the CPU is the better choice on a GPU as well: the matrices are then made on the CPU, the same on
    every device, and nothing has to be read back. One on the GPU costs one wait per batch.
    """

    def __init__(self, generator: torch.Generator):
        self.generator = generator
        self.device = generator.device

    def uniform(self, *shape: int) -> Tensor:
        """float32 in 0…1, 1 excluded."""
        return torch.rand(shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """float32, mean 0, standard deviation 1."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def half_normal(self, *shape: int) -> Tensor:
        """Absolute values of `normal`."""
        return self.normal(*shape).abs()

    def gate(self, p: float, *shape: int) -> Tensor:
        """bool, each True with probability p."""
        return self.uniform(*shape) < p

    def pixels(self, images: Tensor) -> Tensor:
        """Standard normal noise shaped like `images`, drawn where they are."""
        generator = self.generator
        if images.device != self.device:
            seed = torch.randint(_SEEDS, (), generator=generator, device=self.device)
            generator = torch.Generator(images.device).manual_seed(int(seed))
        return torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
