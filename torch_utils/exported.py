"""torch.export programs (.pt2) from files: opened only when their digest is known, because opening can run code."""

import hashlib
import io
import warnings
from pathlib import Path

import torch

from torch_utils.errors import ConfigError
from torch_utils.text import one_line

# Loading a .pt2 can run code (torch falls back to full unpickling), so only these are opened, or one whose digest the
# user repeats.
KNOWN_PROGRAMS = {
    "a392783c79ba5f98a9324cfdb90256a4728541ade298b6be489a75b2a0d44b6e": "mobilenet_v2",
}


def open_program(
    path: Path, expected_sha256: str | None = None, *, option: str = "--extractor"
) -> tuple[torch.export.ExportedProgram, str]:
    """The program in a file, and the file's SHA-256.

    Args:
        expected_sha256: needed for a program that is not in KNOWN_PROGRAMS.
        option: the command line's name for the file, in errors.
    Raises:
        ConfigError: missing, unknown, of another digest, or not a program.
    """
    if not path.is_file():
        raise ConfigError(f"{option} {path}: no such file. Give a torch.export program (.pt2).")
    content = path.read_bytes()  # read once: what is opened below is what the digest is of
    digest = hashlib.sha256(content).hexdigest()
    _check_digest(path, digest, expected_sha256, option)
    try:
        with warnings.catch_warnings():
            # torch.export's own reader makes tensors of a read-only buffer, and copies them later.
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            return torch.export.load(io.BytesIO(content)), digest
    except Exception as error:  # torch raises whatever its format's parts raise; the file is the user's
        raise ConfigError(
            f"{option} {path}: not a torch.export program ({one_line(error)}). Give a .pt2 file."
        ) from error


def _check_digest(path: Path, digest: str, expected: str | None, option: str) -> None:
    if expected is not None and expected.lower() != digest:
        raise ConfigError(f"{option} {path}: its SHA-256 is {digest}, not {option}-sha256 {expected}. Check both.")
    if expected is None and digest not in KNOWN_PROGRAMS:
        raise ConfigError(
            f"{option} {path}: not a known extractor, its SHA-256 is {digest}. Opening it could run code: "
            f"if you trust it, repeat the digest with {option}-sha256."
        )
