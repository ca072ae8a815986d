"""Where to compute."""

import torch

from torch_utils.errors import ConfigError


def set_precision() -> None:
    """float32 means float32: no TF32, which would make scores differ from card to card."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def pick_device(name: str) -> torch.device:
    """ "auto" takes the GPU if there is one; "cuda" insists on it; "cpu" never does.

    Raises:
        ConfigError: "cuda" was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no CUDA device here. Use --device cpu.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    set_precision()
    return torch.device(name)
