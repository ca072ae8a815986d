import io

import numpy as np
from PIL import Image

from dataset.demo import draw_faces
from dataset.near_duplicates import look_of, near_duplicates

FACES = [Image.fromarray(face.picture) for face in draw_faces(60, 128, 0)]


def test_a_picture_compressed_resized_or_shifted_is_found() -> None:
    stream = io.BytesIO()
    FACES[3].save(stream, "JPEG", quality=40)
    compressed = Image.open(stream)
    resized = FACES[5].resize((96, 96)).resize((128, 128))
    shifted = Image.fromarray(np.roll(np.asarray(FACES[7]), (4, 4), (0, 1)))
    looks = [look_of(picture) for picture in [*FACES, compressed, resized, shifted]]
    found = {(a, b) for a, b, _ in near_duplicates(looks)}
    assert {(3, 60), (5, 61), (7, 62)} <= found


def test_other_faces_are_not_called_the_same() -> None:
    assert len(near_duplicates([look_of(face) for face in FACES])) <= 1


def test_the_most_alike_come_first() -> None:
    blurred = FACES[0].resize((48, 48)).resize((128, 128))
    first, *_ = near_duplicates([look_of(picture) for picture in (FACES[0], blurred, FACES[0])])
    assert first[:2] == (0, 2)


def test_a_picture_of_one_colour_is_known_and_never_alike() -> None:
    grey, white = (look_of(Image.new("L", (64, 64), value)) for value in (90, 255))
    assert grey.is_flat
    assert white.is_flat
    assert not look_of(FACES[0]).is_flat
    assert near_duplicates([grey, white]) == []
