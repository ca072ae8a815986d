import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

from torch_utils.ops.synthesis_epilogue import synthesis_epilogue

OPTIONS = [{}, {"alpha": 0.4, "gain": 0.7}, {"clamp": 0.9}]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs(*, scale: bool = True, noise: int | None = 2) -> list[torch.Tensor | None]:
    """x, scale, noise, b: away from the kink of the leaky ReLU and from a clamp at 0.9, for finite differences."""
    x = torch.linspace(-2, 2, 2 * 3 * 4 * 5, dtype=torch.float64).reshape(5, 2, 4, 3).transpose(0, 3).contiguous()[:2]
    x = torch.where(x.abs() < 0.25, x + 0.5, x)
    return [
        x.permute(0, 2, 1, 3)[:, :3].contiguous(),
        draw(2, 3, seed=1) * 0.01 + 1 if scale else None,
        None if noise is None else draw(noise, 1, 2, 5, seed=2) * 0.01,
        draw(3, seed=3) * 0.01,
    ]


def by_definition(x, scale, noise, b, *, alpha=0.2, gain=2**0.5, clamp=None):
    z = x if scale is None else x * scale[:, :, None, None]
    z = z if noise is None else z + noise
    y = F.leaky_relu(z + b[:, None, None], alpha) * gain
    return y if clamp is None else y.clamp(-clamp, clamp)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("noise", [None, 1, 2])
@pytest.mark.parametrize("scale", [True, False])
def test_values_and_gradients_are_those_of_its_definition(scale, noise, options):
    tensors = [draw(2, 3, 6, 7), draw(2, 3, seed=1), None if noise is None else draw(noise, 1, 6, 7, seed=2), draw(3)]
    tensors[1] = tensors[1] if scale else None
    results = []
    for road in (synthesis_epilogue, by_definition):
        leaves = [None if tensor is None else tensor.clone().requires_grad_() for tensor in tensors]
        y = road(*leaves, **options)
        given = [leaf for leaf in leaves if leaf is not None]
        results.append([y, *torch.autograd.grad(y, given, draw(*y.shape, seed=5))])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("scale", "noise"), [(True, 2), (True, 1), (False, 2), (True, None), (False, None)])
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(scale, noise, options):
    tensors = inputs(scale=scale, noise=noise)
    given = [tensor.requires_grad_() for tensor in tensors if tensor is not None]

    def op(*leaves):
        rest = iter(leaves)
        return synthesis_epilogue(*[None if tensor is None else next(rest) for tensor in tensors], **options)

    assert gradcheck(op, given)
    assert gradgradcheck(op, given)


@pytest.mark.parametrize("clamp", [None, 0.9])
def test_both_operators_pass_torchs_own_checks(clamp):
    x, scale, noise, b = (tensor.requires_grad_() for tensor in inputs())
    opcheck(torch.ops.kaokore.synthesis_epilogue.default, (x, scale, noise, b, 0.2, 1.4, clamp))
    opcheck(torch.ops.kaokore.synthesis_epilogue.default, (x, None, None, b, 0.2, 1.4, clamp))
    y = by_definition(x, scale, noise, b, gain=1.4, clamp=clamp).detach()
    dy = draw(*x.shape, seed=7).requires_grad_()
    opcheck(torch.ops.kaokore.synthesis_epilogue_backward.default, (dy, y, x, scale, True, 0.2, 1.4, clamp))
    opcheck(torch.ops.kaokore.synthesis_epilogue_backward.default, (dy, y, x, None, False, 0.2, 1.4, clamp))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_once(dtype):
    x, scale, noise, b = (tensor.to(dtype) for tensor in (draw(2, 8, 5, 5), draw(2, 8), draw(2, 1, 5, 5), draw(8)))
    y = synthesis_epilogue(x, scale, noise, b, clamp=2.0)
    wide = synthesis_epilogue(x.float(), scale.float(), noise.float(), b.float(), clamp=2.0)
    assert y.dtype == dtype
    assert torch.equal(y, wide.to(dtype))


def test_a_value_at_the_clamp_gets_no_gradient_even_where_half_precision_rounds_the_clamp():
    x = torch.full([1, 1, 2, 2], 3.0, dtype=torch.float16, requires_grad=True)
    synthesis_epilogue(x, None, None, torch.zeros(1, dtype=torch.float16), clamp=0.9).sum().backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize(
    "view",
    [lambda x: x.transpose(2, 3), lambda x: x[:, :, ::2, 1:], lambda x: x.to(memory_format=torch.channels_last)],
    ids=["transposed", "sliced", "channels last"],
)
def test_the_layout_in_memory_does_not_matter(view):
    x = view(draw(2, 3, 6, 8))
    y = synthesis_epilogue(x, draw(2, 3), None, draw(3))
    torch.testing.assert_close(y, synthesis_epilogue(x.contiguous(), draw(2, 3), None, draw(3)), rtol=0, atol=0)
    assert y.stride() == torch.empty_like(x).stride()


def test_an_empty_batch_stays_empty():
    x, b = torch.zeros(0, 3, 4, 4, requires_grad=True), torch.zeros(3, requires_grad=True)
    y = synthesis_epilogue(x, torch.zeros(0, 3), torch.zeros(1, 1, 4, 4), b)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3, 4, 4)
    assert (b.grad == 0).all()


def test_slopes_that_lose_the_sign_are_a_slip_of_ours():
    with pytest.raises(AssertionError, match="sign of the output"):
        synthesis_epilogue(draw(1, 1, 2, 2), None, None, draw(1), alpha=0.0)
