import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from torch_utils.ops.filtered_lrelu import filtered_lrelu
from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.upfirdn2d import setup_filter, upfirdn2d

GOLDEN = COPIES / "filtered_lrelu.npz"
CASES = {name: case["kwargs"] for name, case in golden_cases(GOLDEN).items() if "/" not in name}
op, signed_op = torch.ops.kaokore.filtered_lrelu.default, torch.ops.kaokore.filtered_lrelu_signed.default


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def golden_options(case: str) -> dict:
    """The keyword arguments of a golden case, as our function names them."""
    filters = golden_tensors(GOLDEN, "filters")
    options = dict(CASES[case])
    options["flip"] = options.pop("flip_filter", False)
    return options | {name: filters.get(options.get(name)) for name in ("fu", "fd")}


@pytest.mark.parametrize("case", CASES)
def test_values_and_all_derivatives_agree_with_the_golden_numbers(case):
    golden = golden_tensors(GOLDEN, case)
    x, g = golden["x"].requires_grad_(), golden["g"].requires_grad_()
    b = golden["b"].requires_grad_() if "b" in golden else None
    y = filtered_lrelu(x, b, **golden_options(case))
    dx, *db = torch.autograd.grad(y, [x] if b is None else [x, b], g, create_graph=True)
    (d2_g,) = torch.autograd.grad((dx * golden["g2"]).sum(), g)
    for ours, name in zip([y, dx, d2_g, *db], ["y", "dx", "d2_g", "db"], strict=False):
        assert_golden(ours, golden[name], relative=1e-6)


def by_definition(x, b, *, fu, fd, up, down, padding, slope, gain, clamp, flip):
    """Step by step, by operators with derivatives of their own."""
    x = x if b is None else x + b[:, None, None]
    fine = upfirdn2d(x, fu, up=up, padding=padding, flip=flip, gain=up[0] * up[1])
    values = F.leaky_relu(fine, slope) * gain
    values = values if clamp is None else values.clamp(-clamp, clamp)
    return upfirdn2d(values, fd, down=down, flip=flip)


taps = st.tuples(st.integers(1, 6), st.integers(1, 6)) | st.tuples(st.integers(1, 9)) | st.none()
factors = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=200, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    taps=st.tuples(taps, taps),
    up=factors,
    down=factors,
    padding=st.tuples(*[st.integers(-4, 12)] * 4),
    slope=st.sampled_from([-0.5, 0.0, 0.2, 1.0]),
    gain=st.sampled_from([-1.5, 2**0.5]),
    clamp=st.sampled_from([None, 0.75]),
    flip=st.booleans(),
    biased=st.booleans(),
)
def test_values_and_both_derivatives_are_those_of_its_definition(size, taps, up, down, padding, biased, **options):
    fu, fd = (None if shape is None else draw(*shape, seed=seed) for seed, shape in enumerate(taps, 1))
    for axis in (0, 1):
        lost = sum(1 if f is None else f.shape[-1 - axis if f.ndim == 2 else 0] for f in (fu, fd)) - 1
        assume(size[1 - axis] * up[axis] + sum(padding[2 * axis : 2 * axis + 2]) >= lost)
    results = []
    for road in (filtered_lrelu, by_definition):
        x, b = draw(2, 2, *size).requires_grad_(), draw(2, seed=3).requires_grad_() if biased else None
        y = road(x, b, fu=fu, fd=fd, up=up, down=down, padding=padding, **options)
        dy = draw(*y.shape, seed=4).requires_grad_()
        dx, *db = torch.autograd.grad(y, [x] if b is None else [x, b], dy, create_graph=True)
        results.append([y, dx, *db, *torch.autograd.grad(dx, dy, draw(*dx.shape, seed=5))])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


VARIANTS = {
    "up 2, down 2": {"fu": draw(5, seed=1), "fd": draw(4, seed=2), "up": 2, "down": 2, "padding": [4, 5, 3, 4]},
    "up 3, down 1, 2D": {"fu": draw(3, 4, seed=1), "fd": draw(2, 3, seed=2), "up": 3, "padding": [1, 2, 3, 0]},
    "up 1, down 2, clamped": {"fd": draw(4, seed=2), "down": 2, "padding": 1, "clamp": 0.9},
    "uneven, cropped": {"fu": draw(6, seed=1), "up": (4, 2), "down": (1, 3), "padding": [9, -3, 7, -2], "flip": True},
    "identity": {"slope": 0.3, "gain": 0.8},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(variant):
    x, b = draw(1, 2, 4, 5).requires_grad_(), draw(2, seed=1).requires_grad_()
    assert gradcheck(lambda x, b: filtered_lrelu(x, b, **VARIANTS[variant]), (x, b))
    assert gradgradcheck(lambda x, b: filtered_lrelu(x, b, **VARIANTS[variant]), (x, b))


@pytest.mark.parametrize("taps", [(12,), (4, 3)])
@pytest.mark.parametrize("biased", [True, False])
def test_the_operators_pass_torchs_own_checks(taps, biased):
    x, b = draw(2, 3, 6, 5).requires_grad_(), draw(3, seed=1).requires_grad_() if biased else None
    filters = draw(*taps, seed=2), draw(4, seed=3), [2, 2], [2, 1], [7, 6, 5, 8]
    arguments = (x, b, *filters, False, 0.2, 1.5, 1.0, True)
    opcheck(op, arguments)
    _, signs = op(*arguments)
    opcheck(signed_op, (x, signs, *filters, [1, -1], True, 0.2, 1.5))


def test_sizes_of_fake_tensors_are_those_of_real_ones():
    filters = draw(12), draw(4, 5), [4, 2], [1, 2], [7, 6, 5, 8]
    real = op(draw(2, 3, 6, 5), None, *filters, False, 0.2, 1.5, None, True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = op(torch.empty(2, 3, 6, 5), None, *filters, False, 0.2, 1.5, None, True)
    assert [f.shape for f in fake] == [r.shape for r in real]
    assert fake[1].dtype == real[1].dtype == torch.uint8


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_compiled_function_is_one_graph_with_the_same_results_and_gradients(dynamic):
    fu, fd = design_lowpass(12, 2.0, 2.4, 32), design_lowpass(12, 2.0, 2.4, 32, radial=True)

    def layer(x, b):
        return filtered_lrelu(x * 2, b, fu=fu, fd=fd, up=2, down=2, padding=10, clamp=1.0).square()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.compile's own
        whole = torch.compile(layer, fullgraph=True, dynamic=dynamic, backend="aot_eager")
        results = []
        for function in (layer, whole):
            x, b = draw(1, 2, 5, 6).requires_grad_(), draw(2, seed=1).requires_grad_()
            y = function(x, b)
            results.append([y, *torch.autograd.grad(y.sum(), [x, b])])
    torch.testing.assert_close(results[0], results[1])


def test_a_sample_of_the_fine_picture_takes_two_bits():
    x = torch.tensor([[[[1.0, -1.0, 9.0, -9.0, 0.0]]]])  # positive, negative, clamped, clamped, counted as negative
    one = torch.ones(1, 1)
    _, signs = op(x, None, one, one, [1, 1], [1, 1], [0, 0, 0, 0], False, 0.5, 1.0, 2.0, True)
    assert signs.dtype == torch.uint8
    assert signs.tolist() == [[[[0b00_00_10_01, 0b00_00_00_10]]]]


def test_signs_are_kept_only_where_a_derivative_may_be_asked_for():
    seen = []

    class Calls(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if func is op:
                seen.append(result[1].numel())
            return result

    x, b = draw(1, 1, 4, 4), draw(1)
    with Calls():
        filtered_lrelu(x, b)
        filtered_lrelu(x.requires_grad_(), b)
        with torch.no_grad():
            filtered_lrelu(x, b)
        filtered_lrelu(x.detach(), b.requires_grad_())
    assert seen == [0, 4, 0, 4]


def test_a_derivative_without_signs_is_refused():
    one, x = torch.ones(1, 1), draw(1, 1, 4, 4).requires_grad_()
    y, _ = op(x, None, one, one, [1, 1], [1, 1], [0, 0, 0, 0], False, 0.2, 1.0, None, False)
    with pytest.raises(RuntimeError, match="no derivative without signs"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_and_of_its_type(dtype):
    f = setup_filter(list(range(1, 13)))
    options = {"fu": f, "fd": f, "up": 2, "down": 2, "padding": 11, "clamp": 150.0}
    x, b = (draw(2, 3, 8, 6) * 100).to(dtype).requires_grad_(), draw(3, seed=1).to(dtype).requires_grad_()
    y = filtered_lrelu(x, b, **options)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == b.grad.dtype == dtype
    exact = [leaf.detach().double().requires_grad_() for leaf in (x, b)]
    expected = filtered_lrelu(*exact, **options)
    expected.sum().backward()
    torch.testing.assert_close(y.double(), expected, rtol=0.01, atol=0.5)
    torch.testing.assert_close(x.grad.double(), exact[0].grad, rtol=0.01, atol=0.01)


VIEWS = {
    "transposed": lambda x: x.transpose(2, 3),
    "sliced": lambda x: x[:, :, ::2, 1:],
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "expanded": lambda x: x[:1].expand(3, -1, -1, -1),
}


@pytest.mark.parametrize("view", VIEWS)
def test_the_layout_in_memory_does_not_matter(view):
    results = []
    for shape in (VIEWS[view], lambda x: VIEWS[view](x).contiguous()):
        leaf = draw(2, 3, 8, 9).requires_grad_()
        y = filtered_lrelu(shape(leaf), fu=draw(6), fd=draw(4, 4), up=2, down=2, padding=5)
        results.append((y.detach(), torch.autograd.grad(y.square().sum(), leaf)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("taps", [(4,), (70, 1), (1, 1)])
def test_results_are_contiguous(view, taps):
    filters = draw(*taps, seed=2), draw(*taps, seed=3), [2, 2], [1, 1], [70, 70, 70, 70]
    x = VIEWS[view](draw(2, 3, 8, 9))
    y, signs = op(x, None, *filters, False, 0.2, 1.5, None, True)
    dx = signed_op(x, signs, *filters, [0, 0], False, 0.2, 1.5)
    assert y.is_contiguous() and signs.is_contiguous() and dx.is_contiguous()


def test_an_empty_batch_stays_empty():
    x, b = torch.zeros(0, 3, 8, 8, requires_grad=True), torch.zeros(3, requires_grad=True)
    y = filtered_lrelu(x, b, fu=draw(12).float(), fd=draw(12).float(), up=2, down=2, padding=11)
    y.sum().backward()
    assert y.shape == (0, 3, 8, 8)
    assert x.grad.shape == x.shape and torch.equal(b.grad, torch.zeros(3))


def test_a_flat_picture_is_a_leaky_relu_of_its_value_away_from_the_border():
    f = design_lowpass(12, 2.0, 2.4, 32)
    for value, expected in ((1.0, 2**0.5), (-1.0, -0.2 * 2**0.5), (5.0, 3.0)):
        y = filtered_lrelu(torch.full([1, 1, 24, 24], value), fu=f, fd=f, up=2, down=2, padding=11, clamp=3.0)
        torch.testing.assert_close(y[:, :, 8:-8, 8:-8], torch.full([1, 1, 8, 8], expected), rtol=0.02, atol=0)


@pytest.mark.parametrize("padding", [[0, 0, -2, -1], [-9, 0, 0, 0]])
def test_a_picture_of_which_nothing_is_left_is_refused(padding):
    with pytest.raises(RuntimeError, match="filtered_lrelu: padding .* leaves nothing of 6x5 pixels"):
        filtered_lrelu(torch.zeros(1, 1, 5, 6), fu=draw(2, 2), fd=draw(2, 2), padding=padding)
