import pytest
import torch

from torch_utils.ops.upfirdn2d import setup_filter
from training.augment.resample import apply_geometry, margins, reflect_pad
from training.augment.wavelets import SYM6

TAPS = setup_filter(SYM6)


def smooth(count: int, height: int, width: int) -> torch.Tensor:
    """Low waves, so that any fair interpolation gives nearly the same."""
    y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    return torch.stack([torch.sin(3 * x + n) * torch.cos(2 * y) for n in range(count)])[:, None]


def matrix(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor([[*rows, [0.0, 0.0, 1.0]]])


def test_the_identity_is_exact():
    x = torch.randn(2, 3, 8, 8)
    assert apply_geometry(x, torch.eye(3).expand(2, 3, 3), TAPS) is x


def test_a_mirrored_picture_is_nearly_the_flip():
    # Nearly: sym6 is not quite symmetric, so what the shrinking undoes in an upright picture it doubles in a mirrored
    # one. The public pipe has the same difference (golden blit/p0.5).
    x = smooth(1, 16, 24)
    y = apply_geometry(x, matrix([[-1, 0, 0], [0, 1, 0]]), TAPS)
    torch.testing.assert_close(y, x.flip(3), rtol=0, atol=0.03)


def test_a_quarter_turn_is_nearly_rot90():
    x = smooth(1, 16, 16)
    y = apply_geometry(x, matrix([[0, -1, 0], [1, 0, 0]]), TAPS)
    torch.testing.assert_close(y, x.rot90(1, [2, 3]), rtol=0, atol=0.03)


def test_a_whole_shift_moves_pixels_and_mirrors_the_edge():
    x = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    y = apply_geometry(x, matrix([[1, 0, 3], [0, 1, 0]]), TAPS)  # each pixel is fetched 3 to the right
    expected = reflect_pad(x, 0, 3, 0, 0)[..., 3:]
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-5)


def test_only_changed_pictures_are_touched():
    x = torch.randn(3, 1, 10, 10)
    matrices = torch.eye(3).repeat(3, 1, 1)
    matrices[1, 0, 2] = 2.5
    y = apply_geometry(x, matrices, TAPS)
    assert torch.equal(y[[0, 2]], x[[0, 2]])
    assert not torch.equal(y[1], x[1])


def test_margins_leave_room_for_the_filter():
    assert margins(torch.eye(3)[None], (32, 32), 6) == [6, 6, 6, 6]
    assert margins(matrix([[1, 0, 4], [0, 1, -2]]), (32, 32), 6) == [2, 8, 10, 4]


def test_margins_stay_below_the_picture():
    assert margins(matrix([[1, 0, 1000], [0, 1, 0]]), (16, 32), 6) == [0, 6, 31, 6]


@pytest.mark.parametrize("sides", [(3, 0, 0, 2), (4, 4, 4, 4)])
def test_reflection_agrees_with_torchs_where_torch_has_one(sides):
    x = torch.randn(1, 2, 5, 6)
    assert torch.equal(reflect_pad(x, *sides), torch.nn.functional.pad(x, sides, mode="reflect"))


def test_reflection_goes_on_beyond_the_picture_size():
    x = torch.arange(3.0)[None, None, None].expand(1, 1, 2, 3)
    assert reflect_pad(x, 5, 4, 0, 0)[0, 0, 0].tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
