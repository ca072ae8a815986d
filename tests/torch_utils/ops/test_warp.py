import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from torch_utils.ops.warp import warp

IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tilted(count: int) -> torch.Tensor:
    return torch.tensor([IDENTITY] * count, dtype=torch.float64) + 0.3 * draw(count, 2, 3, seed=1)


def test_the_identity_leaves_a_picture():
    x = draw(2, 3, 5, 7)
    torch.testing.assert_close(warp(x, torch.tensor([IDENTITY] * 2), (5, 7)), x, rtol=0, atol=1e-12)


def test_a_shift_by_whole_pixels_moves_the_picture_and_leaves_zeros():
    x = draw(1, 2, 4, 8)
    matrix = torch.tensor([[[1.0, 0.0, 2 * 3 / 8], [0.0, 1.0, 0.0]]])  # the picture spans -1…1, so 3 pixels are 6/8
    y = warp(x, matrix, (4, 8))
    torch.testing.assert_close(y[..., :5], x[..., 3:], rtol=0, atol=1e-12)
    assert y[..., 5:].abs().max() == 0


def test_a_quarter_turn_turns_the_picture():
    x = draw(1, 1, 6, 6)
    y = warp(x, torch.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]]), (6, 6))
    torch.testing.assert_close(y, x.rot90(-1, [2, 3]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(5, 6), (9, 4), (1, 1)])
def test_it_agrees_with_torchs_own_sampling(size):
    x, matrices = draw(3, 2, 5, 6), tilted(3)
    grid = F.affine_grid(matrices, [3, 2, *size], align_corners=False)
    torch.testing.assert_close(warp(x, matrices, size), F.grid_sample(x, grid, align_corners=False))


def test_its_gradient_agrees_with_torchs_own():
    x, matrices, dy = draw(2, 3, 5, 6).requires_grad_(), tilted(2), draw(2, 3, 7, 4, seed=2)
    grid = F.affine_grid(matrices, [2, 3, 7, 4], align_corners=False)
    (theirs,) = torch.autograd.grad(F.grid_sample(x, grid, align_corners=False), x, dy)
    (ours,) = torch.autograd.grad(warp(x, matrices, (7, 4)), x, dy)
    torch.testing.assert_close(ours, theirs)


def test_first_and_second_derivatives_are_right():
    x, matrices = draw(2, 2, 4, 5).requires_grad_(), tilted(2)
    assert gradcheck(lambda x: warp(x, matrices, (5, 3)), (x,))
    assert gradgradcheck(lambda x: warp(x, matrices, (5, 3)).square(), (x,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_once(dtype):
    x, matrices = draw(2, 3, 60, 50).to(dtype).requires_grad_(), tilted(2)
    y = warp(x, matrices, (64, 64))
    (dx,) = torch.autograd.grad(y, x, torch.ones_like(y))
    wide = x.detach().float().requires_grad_()
    exact = warp(wide, matrices, (64, 64))
    (slope,) = torch.autograd.grad(exact, wide, torch.ones_like(exact))
    torch.testing.assert_close(y, exact.to(dtype))
    torch.testing.assert_close(dx, slope.to(dtype))


def test_a_third_derivative_exists():
    x, matrices = draw(1, 1, 4, 4).requires_grad_(), tilted(1)
    value = warp(x, matrices, (4, 4)).pow(4).sum()
    for _ in range(3):
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        value = gradient.sum()
    assert value.abs() > 0


def test_matrices_get_no_gradient():
    x, matrices = draw(1, 1, 4, 4).requires_grad_(), tilted(1).requires_grad_()
    warp(x, matrices, (4, 4)).sum().backward()
    assert x.grad is not None
    assert matrices.grad is None


def test_the_operators_are_registered_properly():
    x, matrices = draw(2, 2, 4, 5).requires_grad_(), tilted(2)
    torch.library.opcheck(torch.ops.kaokore.warp.default, (x, matrices, [3, 6]))
    dy = draw(2, 2, 3, 6).requires_grad_()
    torch.library.opcheck(torch.ops.kaokore.warp_backward.default, (dy, matrices, [4, 5]))
