"""Filling our networks with golden tensors under the names of the public releases."""

import numpy as np
import torch

from networks.public.stylegan2 import discriminator_name, generator_name

__all__ = ["discriminator_name", "generator_name", "golden_arrays", "load_official"]


def golden_arrays(golden, prefix: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz below `prefix`, without it."""
    return {key.removeprefix(prefix): golden[key] for key in golden.files if key.startswith(prefix)}


def load_official(module: torch.nn.Module, arrays: dict[str, np.ndarray], rename) -> None:
    """Fill `module` with official tensors; every one must fit and none may be left over."""
    named = {rename(name): torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    named.pop(None, None)
    module.load_state_dict(named, strict=True)
