import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from torch_utils.ops.convolution import conv2d, conv_transpose2d

SIZES = [(4, 5), (5, 4)]  # strides of two leave a rest of nothing, or of a row or column
OPTIONS = [{}, {"padding": (1, 1)}, {"stride": 2}, {"stride": 2, "padding": (1, 0)}, {"groups": 2, "padding": (2, 1)}]
TRANSPOSED = [{}, {"stride": 2}, {"stride": 3}, {"groups": 2, "stride": 2}]


def draw(*shape: int, seed: int = 0, layout=torch.contiguous_format) -> torch.Tensor:
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.to(memory_format=layout).requires_grad_()


class Kernels(TorchDispatchMode):
    """Keeps the sizes of the kernels of all convolutions that happen inside."""

    def __init__(self):
        super().__init__()
        self.sizes = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        place = {torch.ops.aten.convolution.default: 1, torch.ops.aten.convolution_backward.default: 2}.get(func)
        if place is not None:
            self.sizes.add(tuple(args[place].shape[2:]))
        return func(*args, **(kwargs or {}))


def assert_same_with_two_derivatives(ours, torchs, *inputs) -> None:
    torch.testing.assert_close(ours(*inputs), torchs(*inputs))
    assert gradcheck(ours, inputs) and gradgradcheck(ours, inputs)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_torchs_convolution_with_derivatives(options, size, layout):
    x, w = draw(1, 2, *size, layout=layout), draw(2, 2 // options.get("groups", 1), 3, 2, seed=1)
    assert_same_with_two_derivatives(lambda x, w: conv2d(x, w, **options), lambda x, w: F.conv2d(x, w, **options), x, w)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
def test_it_is_torchs_transposed_convolution_with_derivatives(options, size, layout):
    x, w = draw(1, 2, *size, layout=layout), draw(2, 2, 3, 2, seed=1)
    assert_same_with_two_derivatives(
        lambda x, w: conv_transpose2d(x, w, **options), lambda x, w: F.conv_transpose2d(x, w, **options), x, w
    )


@pytest.mark.parametrize("wanted", ["x", "w"])
def test_only_what_needs_a_gradient_gets_one(wanted):
    inputs = {"x": draw(1, 2, 5, 5).detach(), "w": draw(3, 2, 3, 3, seed=1).detach()}
    inputs[wanted].requires_grad_()
    y = conv2d(inputs["x"], inputs["w"], padding=(1, 1))
    (slope,) = torch.autograd.grad(y.square().sum(), inputs[wanted], create_graph=True)
    (expected,) = torch.autograd.grad(F.conv2d(inputs["x"], inputs["w"], padding=1).square().sum(), inputs[wanted])
    torch.testing.assert_close(slope, expected)
    assert slope.requires_grad


@pytest.mark.parametrize("convolve", [conv2d, conv_transpose2d])
def test_a_compiled_graph_needs_no_break(convolve):
    x, w = draw(1, 3, 5, 6), draw(3, 3, 3, 3, seed=1)
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, w: convolve(x, w, stride=2), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, w), convolve(x, w, stride=2))
    found, expected = (
        torch.autograd.grad(y.square().sum(), (x, w)) for y in (compiled(x, w), convolve(x, w, stride=2))
    )
    torch.testing.assert_close(found, expected)


def test_the_penalty_of_a_penalty_has_the_size_of_its_kernels_only():
    """R1's second derivative runs no convolution with a kernel as large as the picture, as torch's own does."""
    x, w = draw(2, 3, 32, 32), draw(4, 3, 3, 3, seed=1)
    (slope,) = torch.autograd.grad(conv2d(x, w, padding=(1, 1)).square().sum(), x, create_graph=True)
    with Kernels() as kernels:
        torch.autograd.grad(slope.square().sum(), w)
    assert kernels.sizes == {(3, 3)}
