import pytest
import torch
from torch.testing import assert_close

from torch_utils.ops.plain import compiled_ops, plain, plain_bodies
from torch_utils.ops.warp import warp

WARP = "kaokore::warp"


@pytest.fixture
def doubled():
    """A body of warp for the CPU that returns twice the picture, for as long as a test lasts."""
    library = torch.library.Library("kaokore", "IMPL")
    library.impl("warp", lambda x, matrices, size: x * 2, "CPU")
    yield
    library._destroy()


@pytest.fixture
def arguments():
    same = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).repeat(2, 1, 1)
    return torch.arange(50.0).reshape(2, 1, 5, 5), same, [5, 5]


def test_the_plain_body_answers_though_another_is_loaded(doubled, arguments):
    x = arguments[0]
    assert_close(warp(*arguments), x * 2)
    assert_close(plain(torch.ops.kaokore.warp.default, *arguments), x)
    with plain_bodies():
        assert_close(warp(*arguments), x)
    assert_close(warp(*arguments), x * 2)


def test_derivatives_inside_are_plain_too(doubled, arguments):
    x = arguments[0].requires_grad_()
    with plain_bodies():
        dy = torch.ones(2, 1, 5, 5, requires_grad=True)
        (dx,) = torch.autograd.grad(warp(*arguments), x, dy, create_graph=True)
        (d_dy,) = torch.autograd.grad(dx, dy, torch.ones_like(dx))  # the second derivative of a warp is a warp
    assert_close(d_dy, torch.ones(2, 1, 5, 5))


def test_ops_with_a_body_of_their_own_are_told_from_those_without(doubled):
    assert compiled_ops("cpu", [WARP]) == [WARP]
    assert compiled_ops("cuda", [WARP]) == []
