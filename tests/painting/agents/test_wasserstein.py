"""The critic's loss against numbers worked by hand."""

import pytest
import torch

from painting.agents.wasserstein import critic_loss


@pytest.mark.parametrize(("slope", "penalty"), [(1.0, 0.0), (3.0, 40.0), (0.0, 10.0)])
def test_a_linear_critic(slope, penalty):
    """Its slope is the same everywhere: score = slope · the first pixel."""
    references, canvases = torch.rand(2, 6, 3, 8, 8)

    def score(_, pictures):
        return slope * pictures[:, 0, 0, 0]

    wanted = slope * (canvases[:, 0, 0, 0].mean() - references[:, 0, 0, 0].mean()) + penalty
    assert critic_loss(score, references, canvases).item() == pytest.approx(wanted.item(), abs=1e-5)


def test_slopes_are_taken_between_reference_and_canvas():
    seen = []

    def score(_, pictures):
        seen.append(pictures.detach())
        return pictures.sum((1, 2, 3))

    references, canvases = torch.zeros(4, 3, 8, 8), torch.ones(4, 3, 8, 8)
    critic_loss(score, references, canvases)
    shares = seen[0].flatten(1)
    assert (shares.amin(1) == shares.amax(1)).all()  # one share for all of a picture
    assert len(shares[:, 0].unique()) == 4  # another one for each picture
    assert shares.min() > 0 and shares.max() < 1
