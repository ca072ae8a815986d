"""An archive of drawn faces: the data set that needs no download."""

import hashlib
import sys
from pathlib import Path

from tqdm import tqdm

from dataset.convert import Conversion, encode
from dataset.demo import LABEL_SETS, POSES, RESOLUTIONS, draw_faces
from dataset.writer import Description, write_archive
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

MAIN_SET = "status"
LICENCE = "CC0 1.0"
POSE_SET = LabelSet(name="pose", classes=POSES)


def pack_drawn_faces(out: Path | str, *, count: int, resolution: int, seed: int) -> int:
    """Draw faces number 0 … count-1 of a seed and pack them, labelled with gender, status and pose; the number packed.

    Raises:
        ConfigError: no pictures asked for, or a resolution faces are not drawn at.
        StorageError: `out` could not be written.
    """
    if count < 1:
        raise ConfigError(f"--count {count}: nothing to draw. Ask for at least 1 face.")
    smallest, largest = RESOLUTIONS
    if not smallest <= resolution <= largest:
        raise ConfigError(f"--resolution {resolution}: faces are drawn from {smallest} to {largest} pixels. Choose 64.")
    conversion = Conversion(resolution=resolution)
    label_sets = (*LABEL_SETS, POSE_SET)
    labels: dict[str, list[int | None]] = {label_set.name: [] for label_set in label_sets}
    with write_archive(out, conversion.extension) as writer:
        faces = draw_faces(count, resolution, seed)
        for face in tqdm(faces, total=count, unit="faces", disable=not sys.stderr.isatty(), leave=False):
            writer.add(encode(face.picture, conversion), hashlib.sha256(face.picture.tobytes()).digest())
            for name, index in (face.labels | {POSE_SET.name: POSES.index(face.pose)}).items():
                labels[name].append(index)
        writer.finish(_describe(label_sets, labels, count, seed))
    return count


def _describe(
    label_sets: tuple[LabelSet, ...], labels: dict[str, list[int | None]], count: int, seed: int
) -> Description:
    return Description(
        label_sets=label_sets,
        labels=labels,
        splits=[None] * count,
        original_names=[f"face {index} of seed {seed}" for index in range(count)],
        main_set=MAIN_SET,
        source=f"drawn by dataset_tool.py demo, seed {seed}",
        licence=LICENCE,
    )
