"""What a picture is, whatever its archive calls it: so that no model is scored on pictures it was trained on.

KaoKore's file names and splits differ between its versions, and pixels differ between resolutions; the page and region
that a face was cut from do not.
"""

import hashlib

import torch
from torch import Tensor

from dataset.archive import Archive


def identities(archive: Archive) -> Tensor:
    """A number for each picture, int64 [N]: of its page and region where they are known, else of its stored bytes."""
    numbers = []
    for index, name in enumerate(archive.names):
        crop = archive.manifest.crops.get(name)
        if crop:
            region = crop.region
            what = f"{crop.page} {region.x},{region.y},{region.w},{region.h}".encode()
        else:
            what = archive.picture_bytes(index)
        numbers.append(int.from_bytes(hashlib.blake2b(what, digest_size=8).digest(), "little") >> 1)
    return torch.tensor(numbers, dtype=torch.int64)
