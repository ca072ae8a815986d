"""Which network turns pictures into features: Inception by default, or a known torch.export program."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from metrics import features
from torch_utils.errors import ConfigError

# Loading a .pt2 can run code (torch falls back to full unpickling), so only these are opened, or one whose digest the
# user repeats.
KNOWN_EXTRACTORS = {
    "a392783c79ba5f98a9324cfdb90256a4728541ade298b6be489a75b2a0d44b6e": "mobilenet_v2",
}
_BATCH = 8  # more is no faster, and a program may keep every activation


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network from pictures to features, and how it is named in results."""

    name: str
    sha256: str
    resize: str
    network: torch.nn.Module
    device: torch.device

    @property
    def is_inception(self) -> bool:
        """True for the network FID is defined on."""
        return self.name == features.INCEPTION

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, C, H, W], C 1 or 3 → float32 features [N, D], on the CPU."""
        if pictures.dtype != torch.uint8:
            raise TypeError(f"features are of uint8 pictures, not {pictures.dtype}")
        colour = pictures.expand(-1, 3, -1, -1)
        parts = [self.network(part.to(self.device)).float().cpu() for part in colour.split(_BATCH)]
        return torch.cat(parts)


def load_extractor(
    *,
    exported: Path | None = None,
    exported_sha256: str | None = None,
    inception_weights: Path | None = None,
    device: torch.device | str = "cpu",
) -> Extractor:
    """Inception, or the exported program if one is given.

    Raises:
        ConfigError: a file that is missing, unknown or unusable, or weights that cannot be had.
    """
    device = torch.device(device)
    if exported is not None:
        return _load_exported(exported, exported_sha256, device)
    network = features.inception(inception_weights).to(device)
    return Extractor(
        name=features.INCEPTION,
        sha256=_digest(inception_weights) if inception_weights else _state_digest(network),
        resize="bilinear to 299 as in TensorFlow 1, inside torch-fidelity",
        network=network,
        device=device,
    )


def _load_exported(path: Path, expected: str | None, device: torch.device) -> Extractor:
    if not path.is_file():
        raise ConfigError(f"--extractor {path}: no such file. Give a torch.export program (.pt2).")
    digest = _digest(path)
    if digest not in KNOWN_EXTRACTORS and digest != (expected or "").lower():
        raise ConfigError(
            f"--extractor {path}: not a known extractor, its SHA-256 is {digest}. Opening it could run code: "
            "if you trust it, repeat the digest with --extractor-sha256."
        )
    name = KNOWN_EXTRACTORS.get(digest, path.stem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's loader warns about read-only buffers it copies anyway
            program = torch.export.load(path).module().to(device)
    except Exception as error:  # torch raises whatever its format's parts raise; the file is the user's
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"--extractor {path}: not a torch.export program ({reason}). Give a .pt2 file.") from error
    return Extractor(
        name=name,
        sha256=digest,
        resize="inside the program",
        network=features.register_program(name, program),
        device=device,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_digest(network: torch.nn.Module) -> str:
    sha = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        sha.update(name.encode())
        sha.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
