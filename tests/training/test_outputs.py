"""Names and shapes of what a run leaves."""

import pytest

from torch_utils.errors import ConfigError
from training.outputs import grid_side, kimg_name, saved_config


@pytest.mark.parametrize(
    ("images", "name"),
    [(0, "000000"), (400, "000000.4"), (16, "000000.016"), (2000, "000002"), (40_500, "000040.5"), (10**9, "1000000")],
)
def test_names_carry_kimg(images, name):
    assert kimg_name(images) == name


def test_names_sort_as_the_images_do_up_to_a_billion():
    counts = [0, 16, 400, 1000, 1016, 2000, 99_000, 100_400, 999_999_999]
    assert sorted(map(kimg_name, counts)) == [kimg_name(count) for count in counts]


@pytest.mark.parametrize(("resolution", "side"), [(16, 8), (128, 8), (256, 4), (1024, 4)])
def test_grids_hold_fewer_large_pictures(resolution, side):
    assert grid_side(resolution) == side


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b'{"preset": 3}'])
def test_a_config_that_cannot_be_read_is_refused_in_a_line(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        saved_config(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_new_folder_has_no_config(tmp_path):
    assert saved_config(tmp_path) is None
