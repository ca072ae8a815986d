"""What an archive holds and whether it is whole: lines for people."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from PIL import Image

from dataset.archive import DECODING_THREADS, Archive
from dataset.leakage import leakage, leakage_lines
from dataset.near_duplicates import ALIKE, Look, look_of
from dataset.near_duplicates import near_duplicates as pairs_alike
from dataset.text_table import aligned
from torch_utils.errors import DataError

MEBIBYTE = 2**20
PAIRS_SHOWN = 20
MANY_CLASSES = 20  # of a set, beyond which those without pictures are not listed


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


def shared_between_splits(archive: Archive) -> list[str]:
    """How much the splits know of each other; nothing where no picture says where it was cut from."""
    crops = [archive.manifest.crops.get(name) for name in archive.names]
    if not any(crops):
        return []
    return leakage_lines(leakage(crops, archive.splits), [_name(archive, index) for index in range(len(archive))])


def near_duplicates(archive: Archive) -> list[str]:
    """Pictures that look alike, across splits first; decodes every picture."""
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        archive.picture_bytes(0)  # opens the file before the threads start, so that they share it
        looks = list(pool.map(lambda index: _look(archive, index), range(len(archive))))
    return alike_lines(looks, archive.splits, [_name(archive, index) for index in range(len(archive))])


def alike_lines(looks: Sequence[Look], splits: Sequence[str | None], names: Sequence[str]) -> list[str]:
    """Pairs that show the same, those across splits first, and pictures that show nothing."""
    pairs = pairs_alike(looks)
    across = [
        pair for pair in pairs if None not in (splits[pair[0]], splits[pair[1]]) and splits[pair[0]] != splits[pair[1]]
    ]
    flat = [name for look, name in zip(looks, names, strict=True) if look.is_flat]
    lines = [f"near-duplicates (correlation > {ALIKE}): {len(pairs)} pairs, {len(across)} across splits"]
    shown = [*across, *(pair for pair in pairs if pair not in across)][:PAIRS_SHOWN]
    lines += [f"  {names[a]} {names[b]} {correlation:.3f}" for a, b, correlation in shown]
    if len(pairs) > len(shown):
        lines.append(f"  and {len(pairs) - len(shown)} more")
    if flat:
        lines.append(f"of one colour: {len(flat)} pictures (first: {flat[0]})")
    return lines


def _look(archive: Archive, index: int) -> Look:
    pixels = archive.picture(index)
    return look_of(Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))


def _name(archive: Archive, index: int) -> str:
    name = archive.names[index]
    return PurePosixPath(archive.manifest.original_names.get(name, name)).name


def label_table(archive: Archive) -> list[str]:
    """An aligned table: pictures of each class and split, and how many have no label."""
    columns = ("all", *archive.split_names)
    selected = [archive.indices(column) for column in columns]
    rows = [["labels", "class", *columns], ["", "pictures", *(str(len(chosen)) for chosen in selected)]]
    for place, label_set in enumerate(archive.label_sets):
        values = archive.labels[:, place].numpy()
        classes = [*enumerate(label_set.classes), (-1, "(unlabelled)")]
        if len(label_set.classes) > MANY_CLASSES:
            classes = [pair for pair in classes if (values == pair[0]).any() or pair[0] == -1]
        for index, class_name in classes:
            counts = [str(int((values[chosen] == index).sum())) for chosen in selected]
            rows.append([label_set.name if index == classes[0][0] else "", class_name, *counts])
    return aligned(rows)
