import torch

from training.augment.cutout import Cutout, apply_cutout
from training.augment.draws import Draws


def test_a_centred_rectangle_blanks_the_middle_half():
    y = apply_cutout(torch.ones(1, 2, 8, 16), torch.tensor([[0.5, 0.5, 0.5]]))
    expected = torch.ones(8, 16)
    expected[2:6, 4:12] = 0
    assert torch.equal(y, expected.expand(1, 2, 8, 16))


def test_size_0_blanks_nothing():
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(apply_cutout(x, torch.tensor([[0.5, 0.5, 0.0]])), x)


def test_centres_are_spread_and_a_share_p_is_cut():
    rectangles = Cutout().draw(4000, 0.4, Draws(torch.Generator().manual_seed(1)))
    torch.testing.assert_close(rectangles[:, :2].mean(0), torch.full((2,), 0.5), rtol=0, atol=0.03)
    assert abs((rectangles[:, 2] == 0.5).float().mean() - 0.4) < 0.03
    assert set(rectangles[:, 2].tolist()) == {0.0, 0.5}
