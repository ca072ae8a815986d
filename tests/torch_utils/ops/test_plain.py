import pytest
import torch
from torch.testing import assert_close

from tests.support.pretended_op import BACKWARD, NAME, compiled
from torch_utils.ops.plain import compiled_ops, plain, plain_bodies


@pytest.fixture
def negated():
    """Compiled bodies of another sign than the plain ones."""
    with compiled({name: lambda x, factor: -x * factor for name in (NAME, BACKWARD)}):
        yield


def test_the_plain_body_answers_though_another_is_loaded(negated):
    op, x = torch.ops.kaokore.pretended, torch.arange(3.0)
    assert_close(op(x, 3.0), -3 * x)
    assert_close(plain(op.default, x, 3.0), 3 * x)
    with plain_bodies():
        assert_close(op(x, 3.0), 3 * x)
    assert_close(op(x, 3.0), -3 * x)


def test_derivatives_inside_are_plain_too(negated):
    x, dy = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)

    def derivatives() -> list[float]:
        (dx,) = torch.autograd.grad(torch.ops.kaokore.pretended(x, 3.0), x, dy, create_graph=True)
        (d_dy,) = torch.autograd.grad(dx, dy, torch.ones_like(dx))
        return [float(dx.detach()[0]), float(d_dy[0])]

    assert derivatives() == [-3, -3]
    with plain_bodies():
        assert derivatives() == [3, 3]


def test_ops_with_a_body_of_their_own_are_told_from_those_without(negated):
    assert compiled_ops("cpu", [NAME]) == [NAME]
    assert compiled_ops("cuda", [NAME]) == []


def test_without_a_library_an_op_has_no_body_of_its_own():
    assert compiled_ops("cpu", [NAME, BACKWARD]) == []
