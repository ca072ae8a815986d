import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from torch_utils.ops.conv3x3 import conv3x3, fewer_products_pay


def draw(*shape: int, seed: int = 0, layout=torch.contiguous_format) -> torch.Tensor:
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.to(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(1, 1), (5, 4), (8, 9)])
def test_it_is_torchs_convolution_with_derivatives(size, layout):
    x, w = draw(2, 2, *size, layout=layout).requires_grad_(), draw(3, 2, 3, 3, seed=1).requires_grad_()
    torch.testing.assert_close(conv3x3(x, w), F.conv2d(x, w, padding=1))
    assert gradcheck(conv3x3, (x, w)) and gradgradcheck(conv3x3, (x, w))


@pytest.mark.parametrize("wanted", ["x", "w"])
def test_only_what_needs_a_gradient_gets_one(wanted):
    inputs = {"x": draw(1, 2, 5, 5), "w": draw(3, 2, 3, 3, seed=1)}
    inputs[wanted].requires_grad_()
    (slope,) = torch.autograd.grad(conv3x3(**inputs).square().sum(), inputs[wanted], create_graph=True)
    (expected,) = torch.autograd.grad(F.conv2d(**inputs_of_torch(inputs)).square().sum(), inputs[wanted])
    torch.testing.assert_close(slope, expected)
    assert slope.requires_grad


def inputs_of_torch(inputs: dict) -> dict:
    return {"input": inputs["x"], "weight": inputs["w"], "padding": 1}


def test_a_third_derivative_exists():
    x, w = draw(1, 2, 4, 4).requires_grad_(), draw(2, 2, 3, 3, seed=1).requires_grad_()
    value = conv3x3(x, w).pow(4).sum()
    for _ in range(3):
        slopes = torch.autograd.grad(value, (x, w), create_graph=True)
        value = sum(slope.sum() for slope in slopes)
    assert value.abs() > 0


LAST = torch.channels_last


@pytest.mark.parametrize(
    ("x", "w", "pays"),
    [
        (draw(16, 16, 8, 8, layout=LAST).float(), draw(16, 16, 3, 3), True),
        (draw(1, 64, 16, 13, layout=LAST).float(), draw(16, 64, 3, 3), True),
        (draw(16, 16, 8, 8).float(), draw(16, 16, 3, 3), False),
        (draw(16, 16, 8, 8, layout=LAST), draw(16, 16, 3, 3), False),
        (draw(16, 16, 8, 8, layout=LAST).half(), draw(16, 16, 3, 3), False),
        (draw(16, 16, 8, 8, layout=LAST).float(), draw(16, 16, 1, 1), False),
        (draw(16, 16, 8, 8, layout=LAST).float(), draw(16, 16, 3, 1), False),
        (draw(16, 16, 8, 8, layout=LAST).float(), draw(15, 16, 3, 3), False),
        (draw(16, 15, 8, 8, layout=LAST).float(), draw(16, 15, 3, 3), False),
        (draw(1, 64, 16, 12, layout=LAST).float(), draw(16, 64, 3, 3), False),
        (draw(16, 128, 4, 4, layout=LAST).float(), draw(129, 128, 3, 3), False),
        (draw(128, 256, 4, 4, layout=LAST).float(), draw(257, 256, 3, 3), False),
    ],
    ids=lambda value: f"{list(value.shape)}" if isinstance(value, torch.Tensor) else str(value),
)
def test_it_is_chosen_where_it_was_measured_to_be_faster(x, w, pays):
    assert fewer_products_pay(x, w) == pays
