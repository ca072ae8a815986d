"""Randomness as a function of what it is for: no hidden state, the same numbers on any machine and in any batch."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def derive(seed: int, *purpose: str | int) -> int:
    """Hash a seed and what it is for into a 63-bit number (blake2b), e.g. derive(7, "noise", step, index)."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for one purpose, e.g. generator(seed, "latents", step, first_index)."""
    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


def latents(seeds: Sequence[int], z_dim: int) -> Tensor:
    """Latents z for picture seeds, drawn one by one on the CPU so that batch size and device do not matter.

    Returns:
        [len(seeds), z_dim], float32, standard normal.
    """
    rows = [torch.randn(z_dim, generator=generator(seed, "z")) for seed in seeds]
    return torch.stack(rows) if rows else torch.empty(0, z_dim)
