"""Filling our networks with golden tensors under the names of the public releases."""

import re

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


def stylegan3_generator_name(name: str) -> str:
    """Our name of a StyleGAN3 generator's tensor; its filters keep the name of the layer's attribute."""
    name = re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
    name = re.sub(r"^synthesis\.L(\d+)_\d+_\d+\.", r"layers.\1.", name)
    name = name.removeprefix("synthesis.").replace("input.freqs", "input.frequencies")
    return name.replace("magnitude_ema", "magnitude").replace("mapping.w_avg", "mapping.w_mean")
