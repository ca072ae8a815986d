"""What is made small."""

import pytest
import torch
from torch.testing import assert_close

from painting.objective import CONTENTS, pyramid, sequence_loss, squared


@pytest.mark.parametrize("name", list(CONTENTS))
def test_the_reference_itself_costs_nothing(name):
    reference = torch.rand(3, 16, 20)
    assert_close(CONTENTS[name](reference[None], reference, 1.0), torch.zeros(1))


def test_each_canvas_has_its_own_loss():
    reference = torch.zeros(3, 16, 16)
    canvases = torch.stack([torch.full((3, 16, 16), value) for value in (0.1, 0.5)])
    assert_close(squared(canvases, reference, 1.0), torch.tensor([0.01, 0.25]))
    assert_close(pyramid(canvases, reference, 1.0), torch.tensor([0.1, 0.5]))


def test_outlines_count_late():
    reference, striped = torch.full((1, 3, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.5)
    striped[..., ::2] = 0.6
    early, late = (pyramid(striped, reference[0], progress) for progress in (0.0, 1.0))
    assert late > 1.5 * early


def test_the_course_counts_by_its_weight():
    losses = torch.tensor([4.0, 2.0, 1.0])
    assert sequence_loss(losses, 0.5) == 1 + 0.5 * 3
    assert sequence_loss(losses[:1], 0.5) == 4
