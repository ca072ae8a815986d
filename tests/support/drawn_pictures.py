"""Pictures drawn for tests: blocks of colour told apart by their number."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def blocks(number: int, width: int = 32, height: int | None = None) -> Image.Image:
    """An RGB picture of 4×4 coloured blocks, another for each number."""
    small = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height or width), Image.Resampling.NEAREST)


def encoded(picture: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def write_zip(path: Path, files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip made by the standard library alone."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A folder with these files, sub-folders made as needed."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def picture_files(count: int, width: int = 32, height: int | None = None) -> dict[str, bytes]:
    """PNG files 0.png, 1.png, … as {name: bytes}."""
    return {f"{number}.png": encoded(blocks(number, width, height)) for number in range(count)}


def foreign_zip(path: Path, labels: object = None, count: int = 3, width: int = 16) -> Path:
    """An archive as other StyleGAN tools write it: pictures and a dataset.json with the key `labels` alone."""
    files: dict[str, bytes | str] = {
        f"00000/img{number:08d}.png": encoded(blocks(number, width)) for number in range(count)
    }
    return write_zip(path, files | {"dataset.json": json.dumps({"labels": labels})})


def read_back(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read an archive without our code: {name: uint8 [H, W, C]} and dataset.json."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("dataset.json"))
        names = [name for name in archive.namelist() if name != "dataset.json"]
        return {name: np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names}, document
