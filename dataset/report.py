"""What an archive holds and whether it is whole: lines for people."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dataset.archive import DECODING_THREADS, Archive
from dataset.text_table import aligned
from torch_utils.errors import DataError

MEBIBYTE = 2**20


def verify(archive: Archive) -> None:
    """Decode every picture and compare the digests with those that were stored at packing.

    Raises:
        DataError: damaged pictures, counted with the first named, or content that is not what was packed.
    """
    damaged: list[str] = []
    pixels = hashlib.sha256()
    for result in _picture_digests(archive):
        if isinstance(result, DataError):
            damaged.append(str(result))
        else:
            pixels.update(result)
    if damaged:
        first = damaged[0].removeprefix(f"{archive.path}: ")
        raise DataError(f"{archive.path}: {len(damaged)} of {len(archive)} pictures are damaged (first: {first})")
    for what, stored, found in (
        ("content", archive.manifest.digest, archive.digest),
        ("pixel", archive.manifest.pixel_digest, pixels.hexdigest()),
    ):
        if stored and stored != found:
            raise DataError(
                f"{archive.path}: its {what} digest is {found[:12]}…, but {stored[:12]}… was packed: the zip was "
                "changed. Pack the pictures again."
            )


def _picture_digests(archive: Archive) -> Iterator[bytes | DataError]:
    """SHA-256 of each picture's uint8 [H, W, C] pixels, in order; the error where it cannot be decoded."""

    def digest(index: int) -> bytes | DataError:
        try:
            return hashlib.sha256(archive.picture(index).transpose(1, 2, 0).tobytes()).digest()
        except DataError as error:
            return error

    archive.picture_bytes(0)  # opens the file before the threads start, so that they share it
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        yield from pool.map(digest, range(len(archive)))


def summary(archive: Archive) -> list[str]:
    """What the archive is: counts, size, provenance, digest."""
    colours = "grey" if archive.channels == 1 else "RGB"
    size = f"{archive.path.stat().st_size / MEBIBYTE:.1f} MiB"
    known = (("source", archive.source), ("licence", archive.licence), ("attribution", archive.attribution))
    return [
        f"{archive.path}: {len(archive)} pictures, {archive.resolution}×{archive.resolution}, {colours}, {size}",
        *(f"{key:<12} {text}" for key, text in known if text),
        f"{'digest':<12} {archive.digest}",
    ]


def label_table(archive: Archive) -> list[str]:
    """An aligned table: pictures of each class and split, and how many have no label."""
    columns = ("all", *archive.split_names)
    selected = [archive.indices(column) for column in columns]
    rows = [["labels", "class", *columns], ["", "pictures", *(str(len(chosen)) for chosen in selected)]]
    for place, label_set in enumerate(archive.label_sets):
        values = archive.labels[:, place].numpy()
        classes = [*enumerate(label_set.classes), (-1, "(unlabelled)")]
        for index, class_name in classes:
            counts = [str(int((values[chosen] == index).sum())) for chosen in selected]
            rows.append([label_set.name if index == 0 else "", class_name, *counts])
    return aligned(rows)
