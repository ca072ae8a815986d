"""Tensor files: one .safetensors with a JSON document and a SHA-256 that is checked on reading; no code is run."""

import errno
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from torch_utils.errors import SnapshotError
from torch_utils.files import atomic_write

_DOCUMENT_KEY, _DIGEST_KEY = "kaokore_stylegan", "sha256"


@dataclass(frozen=True, kw_only=True)
class TensorFile:
    """What was read: the document's text, the tensors asked for, and the digest of the whole."""

    document: str
    tensors: dict[str, Tensor]
    digest: str


def write_tensors(path: Path | str, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Write atomically; returns the digest.

    Raises:
        StorageError: disk full, read-only, …; an older file stays as it was.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    digest = _digest(text, sorted(stored.items()))
    with atomic_write(path) as temporary:
        try:
            save_file(stored, temporary, metadata={_DOCUMENT_KEY: text, _DIGEST_KEY: digest})
        except SafetensorError as error:
            raise OSError(_errno_of(str(error)), str(error)) from error
    return digest


def read_tensors(path: Path | str, prefixes: tuple[str, ...] = ("",), *, writer: str = "train.py") -> TensorFile:
    """Check the digest and read the tensors whose names begin with one of `prefixes`.

    Args:
        writer: the script whose files are meant, for the remedy.
    Raises:
        SnapshotError: missing, cut short, damaged (the digest differs), or another program's.
    """
    path = Path(path)
    if not path.is_file():
        what = "a snapshot-….safetensors of a run folder" if writer == "train.py" else f"a file that {writer} saved"
        raise SnapshotError(f"{path}: no such file. Give {what}.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if _DOCUMENT_KEY not in metadata or _DIGEST_KEY not in metadata:
                raise SnapshotError(f"{path}: a .safetensors file of another program. Give one that {writer} saved.")
            document = metadata[_DOCUMENT_KEY]
            names = sorted(file.keys())
            digest = _digest(document, ((name, file.get_tensor(name)) for name in names))
            wanted = {name: file.get_tensor(name) for name in names if name.startswith(prefixes)}
    except (SafetensorError, OSError, UnicodeDecodeError, ValueError) as error:
        raise SnapshotError(
            f"{path}: not a readable snapshot, it may be cut short or of another format "
            f"({error}). Use another snapshot."
        ) from error
    if digest != metadata[_DIGEST_KEY]:
        raise SnapshotError(f"{path}: damaged, its SHA-256 is not the one it was saved with. Use another copy.")
    return TensorFile(document=document, tensors=wanted, digest=digest)


def _digest(document: str, tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 over the document and every tensor's name, type, shape and bytes, in order of names."""
    sha = hashlib.sha256(document.encode())
    for name, tensor in tensors:
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _errno_of(message: str) -> int:
    """safetensors reports the operating system's error as text only."""
    number = re.search(r"os error (\d+)", message)
    return int(number[1]) if number else errno.EIO
