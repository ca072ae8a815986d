import torch

from training.augment.blit import Blit
from training.augment.draws import Draws

COUNT = 4000


def matrices(family: Blit, p: float, size: tuple[int, int] = (32, 64)) -> torch.Tensor:
    return family.draw(COUNT, size, p, Draws(torch.Generator().manual_seed(1)))


def test_half_of_the_pictures_that_pass_the_gate_are_mirrored():
    for p in (0.4, 1.0):
        mirrored = matrices(Blit(quarter_turns=False, shift=0.0), p)[:, 0, 0] < 0
        assert abs(mirrored.float().mean() - p / 2) < 0.03


def test_each_of_the_four_quarter_turns_is_as_frequent():
    drawn = matrices(Blit(mirror=False, shift=0.0), 1.0)[:, :2, :2]
    turns = torch.tensor([[1, 0, 0, 1], [0, -1, 1, 0], [-1, 0, 0, -1], [0, 1, -1, 0]]).reshape(4, 1, 2, 2)
    shares = (drawn == turns).all(-1).all(-1).float().mean(1)
    torch.testing.assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.03)


def test_shifts_are_whole_pixels_up_to_an_eighth_of_each_side():
    shifts = matrices(Blit(mirror=False, quarter_turns=False), 1.0)[:, :2, 2]
    assert torch.equal(shifts, shifts.round())
    assert shifts.abs().amax(0).tolist() == [8, 4]  # 64 wide, 32 high


def test_nothing_is_drawn_at_p_0():
    assert torch.equal(matrices(Blit(), 0.0), torch.eye(3).expand(COUNT, 3, 3))
