import pytest
import torch
import torch.nn.functional as F
from torch.autograd import grad, gradcheck, gradgradcheck

from torch_utils.ops.instance_norm import adaptive_instance_norm, plain


def case(dtype: torch.dtype = torch.float64, size: int = 3) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    shapes = [(2, 2, size, size), (2, 2), (2, 2)]
    return [torch.randn(shape, generator=source, dtype=dtype).requires_grad_() for shape in shapes]


def test_it_is_torchs_instance_norm_restyled():
    x, scale, shift = case()
    expected = F.instance_norm(x, eps=1e-8) * (scale + 1)[:, :, None, None] + shift[:, :, None, None]
    torch.testing.assert_close(adaptive_instance_norm(x, scale, shift), expected)
    torch.testing.assert_close(plain(x, scale, shift), expected)


def test_it_is_differentiable_twice():
    assert gradcheck(adaptive_instance_norm, case())
    assert gradgradcheck(adaptive_instance_norm, case())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_derivatives_are_those_of_the_plain_one_in_either_layout(layout):
    x, scale, shift = case(torch.float32, size=16)
    x = (x * 3 + 20).detach().contiguous(memory_format=layout).requires_grad_()
    dy = torch.randn_like(x)  # lies in memory as x does
    ours = grad(adaptive_instance_norm(x, scale, shift), (x, scale, shift), dy)
    for mine, its in zip(ours, grad(plain(x, scale, shift), (x, scale, shift), dy), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)
    assert adaptive_instance_norm(x, scale, shift).is_contiguous(memory_format=layout)
    assert ours[0].is_contiguous(memory_format=layout)


def test_a_plane_far_from_zero_keeps_its_pattern():
    pattern = torch.randn(1, 1, 16, 16)
    zero = torch.zeros(1, 1)
    torch.testing.assert_close(
        adaptive_instance_norm(pattern + 1000, zero, zero), plain(pattern, zero, zero), rtol=1e-3, atol=1e-3
    )


def test_an_even_plane_becomes_its_shift():
    styled = adaptive_instance_norm(torch.full([1, 1, 4, 4], 3.0), torch.ones(1, 1), torch.full([1, 1], 0.5))
    torch.testing.assert_close(styled, torch.full([1, 1, 4, 4], 0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32_and_rounds_once(dtype):
    x = (torch.randn(1, 1, 8, 8) + 500).to(dtype)  # squares are out of float16's range
    zero = torch.zeros(1, 1)
    styled = adaptive_instance_norm(x, zero, zero)
    assert styled.dtype == dtype
    torch.testing.assert_close(styled, F.instance_norm(x.float(), eps=1e-8).to(dtype), rtol=1e-2, atol=1e-3)
