"""What only a real card can show: graphs, streams, tensors of more elements than 32 bits count."""

import pytest
import torch

from tests.support.twins import assert_twin, exactly
from torch_utils.ops.cases import CASES, Pictures
from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.plain import plain

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_captured_graph_repeats_the_operator(cuda_body, case):
    arguments = case.arguments(Pictures(device=cuda_body.device))
    expected = case.overload(*arguments)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):  # fails if anything waits for the card or runs on another stream
        captured = case.overload(*arguments)
    graph.replay()
    torch.cuda.synchronize()
    torch.testing.assert_close(captured, expected, rtol=0, atol=0)


def test_work_goes_to_the_current_stream(cuda_body):
    x, stream = cuda_body.draw(64, 64, 64, dtype=torch.float32), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(100_000_000)  # so long that work on any other stream would read x before it is changed
        x.add_(1)
        y = torch.ops.kaokore.bias_act(x, None, 1, "linear", 0.0, 2.0, None)
    torch.cuda.synchronize()
    assert torch.equal(y, x * 2)


@pytest.mark.slow
def test_more_elements_than_32_bits_count(cuda_body):
    if torch.cuda.mem_get_info()[0] < 20 * 2**30:
        pytest.skip("less than 20 GiB are free on the card")
    x = torch.zeros(2**27 + 3, 16, dtype=torch.float16, device="cuda")
    b = torch.arange(16, dtype=torch.float16, device="cuda")
    y = torch.ops.kaokore.bias_act(x, b, 1, "linear", 0.0, 1.0, None)
    assert torch.equal(y[-3:], b.expand(3, 16)) and torch.equal(y[:3], b.expand(3, 16))
    assert y.sum(dtype=torch.float64).item() == 120.0 * len(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_pictures_of_the_usual_size_are_twins(cuda_body, dtype):
    x, f = cuda_body.draw(2, 16, 256, 256, dtype=dtype), torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8] * 2)
    op = torch.ops.kaokore.upfirdn2d.default
    assert_twin(cuda_body, op, x, f.to(cuda_body.device), [2, 2], [1, 1], [2, 1, 2, 1], False, 4.0, atol=1e-3)
    assert_twin(cuda_body, op, x, f.to(cuda_body.device), [1, 1], [2, 2], [1, 1, 1, 1], False, 1.0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("radial", [False, True])
def test_layers_of_the_usual_size_are_twins(cuda_body, dtype, radial):
    fu, fd = (design_lowpass(12, 4, 8, 32, radial=which).to(cuda_body.device) for which in (False, radial))
    x, b = cuda_body.draw(2, 16, 276, 276, dtype=dtype), cuda_body.draw(16, seed=1, dtype=dtype)
    arguments = (x, b, fu, fd, [2, 2], [2, 2], [12, 11, 12, 11], False, 0.2, 2**0.5, 256.0, True)
    op = torch.ops.kaokore.filtered_lrelu.default
    (y, signs), (exact, exact_signs) = op(*arguments), plain(op, *map(exactly, arguments))
    torch.testing.assert_close(y.cpu(), exact.to(dtype), rtol=2e-3, atol=1e-3)
    assert (signs.cpu() != exact_signs).sum() < 1e-4 * signs.numel()  # samples that lie on an edge within roundings


@pytest.mark.slow
def test_more_samples_than_32_bits_count(cuda_body):
    if torch.cuda.mem_get_info()[0] < 30 * 2**30:
        pytest.skip("less than 30 GiB are free on the card")
    f = design_lowpass(12, 4, 8, 32).to(cuda_body.device)
    x = torch.zeros(2**18 + 1, 1, 96, 96, dtype=torch.float16, device="cuda")
    x[-1] = cuda_body.draw(1, 96, 96, dtype=torch.float16)
    arguments = (None, f, f, [2, 2], [2, 2], [12, 11, 12, 11], False, 0.2, 2**0.5, None, True)
    y, signs = torch.ops.kaokore.filtered_lrelu(x, *arguments)
    last, last_signs = torch.ops.kaokore.filtered_lrelu(x[-1:], *arguments)
    assert torch.equal(y[-1:], last) and torch.equal(signs[-1:], last_signs)
