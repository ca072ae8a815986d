"""Drawn faces: repeatable, labelled, varied, and the same people at each resolution."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from dataset.demo import LABEL_SETS, POSES, DrawnFace, draw_face, draw_faces
from dataset.demo.pen import curve
from torch_utils.errors import DataError


@pytest.fixture(scope="module")
def crowd() -> list[DrawnFace]:
    return list(draw_faces(300, 32))


def luminance(picture: np.ndarray) -> np.ndarray:
    return picture.astype(float) @ np.array([0.299, 0.587, 0.114])


def test_the_same_seed_and_index_give_the_same_bytes() -> None:
    first, second = draw_face(3, 14, 48), draw_face(3, 14, 48)
    assert first.picture.tobytes() == second.picture.tobytes()
    assert (first.labels, first.pose) == (second.labels, second.pose)


def test_a_face_does_not_depend_on_what_was_drawn_before_it() -> None:
    in_a_row = list(draw_faces(5, 32, seed=2))[4]
    assert np.array_equal(in_a_row.picture, draw_face(2, 4, 32).picture)


@pytest.mark.parametrize(("seed", "index"), [(1, 0), (0, 1)])
def test_another_seed_or_index_gives_another_picture(seed: int, index: int) -> None:
    other = draw_face(seed, index, 32).picture.astype(int)
    assert np.abs(draw_face(0, 0, 32).picture.astype(int) - other).mean() > 5


def test_no_two_of_three_hundred_are_the_same(crowd: list[DrawnFace]) -> None:
    assert len({face.picture.tobytes() for face in crowd}) == 300


@pytest.mark.parametrize("resolution", [16, 33, 64, 128, 200, 1024])
def test_pictures_are_rgb_bytes_of_the_resolution_asked_for(resolution: int) -> None:
    picture = draw_face(0, 0, resolution).picture
    assert picture.shape == (resolution, resolution, 3)
    assert picture.dtype == np.uint8


def test_label_sets_are_those_of_kaokore_in_its_order() -> None:
    assert [(label_set.name, label_set.classes) for label_set in LABEL_SETS] == [
        ("gender", ("male", "female")),
        ("status", ("noble", "warrior", "incarnation", "commoner")),
    ]


def test_labels_name_every_label_set_with_an_index_in_range(crowd: list[DrawnFace]) -> None:
    for face in crowd:
        assert set(face.labels) == {label_set.name for label_set in LABEL_SETS}
        assert all(0 <= face.labels[label_set.name] < len(label_set.classes) for label_set in LABEL_SETS)
        assert face.pose in POSES


def test_every_gender_status_and_pose_occurs(crowd: list[DrawnFace]) -> None:
    assert {face.labels["gender"] for face in crowd} == {0, 1}
    assert {face.labels["status"] for face in crowd} == {0, 1, 2, 3}
    assert {face.pose for face in crowd} == set(POSES)


def test_shares_are_about_those_of_kaokore(crowd: list[DrawnFace]) -> None:
    # four standard errors of 300 draws are 0.12 at most
    statuses = Counter(face.labels["status"] for face in crowd)
    for status, share in enumerate((0.49, 0.33, 0.09, 0.09)):
        assert statuses[status] / 300 == pytest.approx(share, abs=0.12)
    assert sum(face.labels["gender"] == 0 for face in crowd) / 300 == pytest.approx(0.77, abs=0.1)
    assert sum(face.pose == "three-quarter" for face in crowd) > 150


def test_every_picture_has_contrast_and_several_colours(crowd: list[DrawnFace]) -> None:
    for face in crowd:
        tones = luminance(face.picture)
        assert np.percentile(tones, 97) - np.percentile(tones, 3) > 90
        assert len(np.unique(face.picture.reshape(-1, 3) // 32, axis=0)) > 20


def test_hair_or_cap_is_dark_above_a_lighter_face() -> None:
    # nobles have black hair or black caps over pale skin, in the same place from picture to picture
    nobles = [face for face in islice(draw_faces(80, 32, seed=5), 80) if face.labels["status"] == 0]
    mean = np.mean([luminance(face.picture) for face in nobles], axis=0)
    top, face = mean[6:10, 12:20].mean(), mean[15:22, 12:20].mean()
    assert len(nobles) > 20
    assert face > top + 50


def test_demons_and_other_statuses_differ_in_mean_colour(crowd: list[DrawnFace]) -> None:
    def centre(status: int) -> np.ndarray:
        return np.mean(
            [face.picture[12:24, 10:22] for face in crowd if face.labels["status"] == status], axis=(0, 1, 2)
        )

    assert np.abs(centre(2) - centre(0)).max() > 8


@pytest.mark.parametrize("index", range(4))
def test_the_same_face_at_two_resolutions_shows_the_same_person(index: int) -> None:
    small, large = draw_face(0, index, 64), draw_face(0, index, 256)
    reduced = np.asarray(Image.fromarray(large.picture).resize((64, 64), Image.Resampling.BOX))
    agreement = np.corrcoef(luminance(small.picture).ravel(), luminance(reduced).ravel())[0, 1]
    stranger = np.corrcoef(luminance(draw_face(0, index + 4, 64).picture).ravel(), luminance(reduced).ravel())[0, 1]
    assert agreement > 0.95 > stranger
    assert (small.labels, small.pose) == (large.labels, large.pose)


@pytest.mark.parametrize("resolution", [-4, 0, 15, 1025])
def test_a_resolution_out_of_range_is_refused_in_words(resolution: int) -> None:
    with pytest.raises(DataError, match=f"resolution {resolution}: faces are drawn from 16 to 1024 pixels"):
        draw_face(0, 0, resolution)


def test_a_curve_goes_through_its_points_and_keeps_corners_sharp() -> None:
    square = [(x, y) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)) for _ in range(2)]
    path = curve(square, closed=True)
    assert all(np.abs(path - corner).sum(axis=1).min() == 0 for corner in square)
    assert path.min() >= -1e-9 and path.max() <= 1 + 1e-9  # no loops beyond the corners


def test_a_curve_through_points_on_a_line_stays_on_it() -> None:
    path = curve([(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (3.0, 6.0)])
    assert np.allclose(path[:, 1], 2 * path[:, 0])
    assert tuple(path[-1]) == (3.0, 6.0)
