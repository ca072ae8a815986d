"""Parameter names of the public StyleGAN2 releases (as listed in golden/INDEX.md) → ours."""

import re

import numpy as np
import torch


def generator_name(name: str, resolutions: list[int]) -> str | None:
    """Our name of a generator tensor; None for fixed filters, which we do not store."""
    if name.endswith("resample_filter"):
        return None
    name = re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
    name = name.replace("mapping.w_avg", "mapping.w_mean")
    return re.sub(r"^synthesis\.b(\d+)\.", lambda m: f"blocks.{resolutions.index(int(m[1]))}.", name)


def discriminator_name(name: str, resolutions: list[int]) -> str | None:
    """Our name of a discriminator tensor; None for fixed filters."""
    if name.endswith("resample_filter"):
        return None
    name = re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
    name = name.replace("b4.", "epilogue.", 1) if name.startswith("b4.") else name
    return re.sub(r"^b(\d+)\.", r"blocks.\1.", name)


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
