import torch

from training.augment.config import AugmentConfig
from training.augment.draws import Draws
from training.augment.pipeline import AugmentPipe
from training.augment.sets import SETS, Families


def test_the_sets_of_the_paper_grow_by_one_family_each():
    grown = ["blit", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"]
    counts = [sum(part is not None for part in vars(SETS[name]).values()) for name in grown]
    assert counts == [1, 2, 3, 4, 5, 6]
    assert SETS["none"] == Families()


def test_faces_never_turn_far_and_never_by_quarters():
    count = 4000
    drawn = AugmentPipe(AugmentConfig(pipe="faces")).draw(
        torch.zeros(count, 3, 32, 32), 1.0, Draws(torch.Generator().manual_seed(1))
    )
    assert drawn.geometry is not None
    linear = drawn.geometry[:, :2, :2].double()
    mirror = torch.diag_embed(torch.stack([linear.det().sign(), torch.ones(count).double()], 1))
    u, _, v = torch.linalg.svd(mirror @ linear)  # u @ v is the rotation of the polar decomposition
    turn = u @ v
    angle = torch.rad2deg(torch.atan2(turn[:, 1, 0], turn[:, 0, 0])).abs()
    assert 15 < angle.max() <= 20.001  # two turns of at most 10 degrees


def test_faces_keep_light_and_dark():
    drawn = AugmentPipe(AugmentConfig(pipe="faces")).draw(
        torch.zeros(4000, 3, 32, 32), 1.0, Draws(torch.Generator().manual_seed(1))
    )
    assert drawn.colour is not None
    grey = drawn.colour[:, :, :3].sum((1, 2)) / 3
    assert grey.min() > 0
