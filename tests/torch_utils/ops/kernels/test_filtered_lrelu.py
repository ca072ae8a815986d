import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from tests.support.closeness import assert_golden
from tests.support.golden import COPIES, golden_cases, golden_tensors
from tests.support.twins import (
    DTYPES,
    LAYOUTS,
    TOLERANCES,
    assert_threads_change_nothing,
    assert_twin,
    exactly,
    random_twins,
)
from torch_utils.ops.filtered_lrelu import filtered_lrelu, sizes_of
from torch_utils.ops.plain import plain, plain_bodies
from torch_utils.ops.upfirdn2d_plain import plain as upfirdn2d

forward = torch.ops.kaokore.filtered_lrelu.default
signed = torch.ops.kaokore.filtered_lrelu_signed.default
GOLDEN = COPIES / "filtered_lrelu.npz"
CASES = {name: case["kwargs"] for name, case in golden_cases(GOLDEN).items() if "/" not in name}
ACTIVATION = (0.25, 1.5, 1.25)  # slope, gain, clamp

# up, down, and the shapes of both filters: one for each kernel of tiles, and others for the general road.
SEPARABLE = [(up, down, (each * up,), (each * down,)) for up in (1, 2, 4) for down in (1, 2, 4) for each in (6, 12)]
IN_2D = [
    (2, 2, (12,), (12, 12)),
    (4, 2, (24,), (11, 12)),
    (2, 2, (12, 10), (12,)),
    (2, 4, (11, 12), (24,)),
    (1, 2, (1, 1), (10,)),
    (2, 1, (9,), (1, 1)),
]
GENERAL = [
    (3, 1, (7,), (5,)),
    (2, 3, (4, 5), (6,)),
    (1, 1, (3, 2), (2, 4)),
    (4, 1, (52,), (1,)),
    (2, 2, (12,), (13, 4)),
]
# Pictures of less than a tile, of several, and (up 2, down 2) of whole tiles; width and height swapped would be seen.
SIZES = [(2, 5, 7), (1, 66, 90), (1, 30, 62)]


def setup(body, size, kind, dtype=torch.float32, layout="contiguous"):
    """x, b and the filters, so scaled that numbers stay near one; factors, and a padding that is odd and uneven."""
    up, down, *shapes = kind
    x, b = LAYOUTS[layout](body.draw(*size, dtype=dtype)), body.draw(size[1], seed=1, dtype=dtype)
    filters = [body.draw(*shape, seed=seed) / max(shape) ** 0.5 for seed, shape in enumerate(shapes, 2)]
    filters[0] = filters[0] / up ** (1 if filters[0].ndim == 1 else 2)
    sides = [sum(shape[axis if len(shape) == 2 else 0] for shape in shapes) for axis in (-1, 0)]
    padding = [sides[0] // 2 + 1, sides[0] // 2, sides[1] // 2 - 1, sides[1] // 2 + 3]
    return (x, b), (*[f.float() for f in filters], [up, up], [down, down], padding)


def assert_both_twins(body, tensors, filters, flip=False, activation=ACTIVATION, offset=(0, 0)) -> None:
    """Forward; and the linear operator for signs that the plain body made."""
    tolerances = tolerance(tensors[0].dtype, *filters[:2])
    arguments = (*tensors, *filters, flip, *activation)
    (y, none), (same, signs) = (body.call(forward, *arguments, keep) for keep in (False, True))
    exact = plain(forward, *(exactly(a) for a in arguments), True)
    torch.testing.assert_close(y.cpu(), exact[0].to(y.dtype), **tolerances)
    assert none.shape == (0,) and torch.equal(y, same)
    assert_signs(signs.cpu(), *(exactly(a) for a in arguments))
    assert_twin(
        body, signed, tensors[0], exact[1].to(body.device), *filters, list(offset), flip, *activation[:2], **tolerances
    )


def tolerance(dtype, fu, fd):
    """Sums cancel: what is left is held against the size of the numbers added."""
    terms = (fu.numel() * fd.numel()) ** (1 if fu.ndim == 2 else 2)
    return TOLERANCES[dtype] | {"atol": TOLERANCES[dtype]["atol"] * max(1, terms**0.25)}


def assert_signs(found, x, b, fu, fd, up, down, padding, flip, slope, gain, clamp) -> None:
    """Signs as the plain body makes them in float64, but for samples that lie on an edge within roundings."""
    height, width = sizes_of("", x, fu, fd, up, down, padding).fine
    fine = upfirdn2d(x + b[:, None, None], fu, up, [1, 1], padding, flip, float(up[0] * up[1]))[..., :height, :width]
    values = F.leaky_relu(fine, slope) * gain
    expected = torch.where(fine > 0, 1, 2)
    on_edge = fine.abs() < 1e-4
    if clamp is not None:
        expected = torch.where(values.abs() < clamp, expected, 0)
        on_edge |= (values.abs() - clamp).abs() < 1e-4
    codes = (found[..., None] >> torch.arange(0, 8, 2) & 3).flatten(3)
    assert codes.shape == (*x.shape[:2], height, (width + 3) // 4 * 4)
    assert (codes[..., width:] == 0).all()
    assert ((codes[..., :width] == expected) | on_edge).all()


@pytest.mark.parametrize("kind", [*SEPARABLE, *IN_2D, *GENERAL], ids=str)
def test_every_kind_of_kernel_is_the_twin_of_the_plain_body(body, kind):
    for size in SIZES:
        assert_both_twins(body, *setup(body, (1, *size), kind))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [SEPARABLE[8], IN_2D[0], IN_2D[2], GENERAL[0]], ids=str)
def test_every_type_is_the_twin_of_the_plain_body(body, kind, dtype):
    assert_both_twins(body, *setup(body, (2, 3, 11, 18), kind, dtype))


@pytest.mark.parametrize("kind", [SEPARABLE[8], SEPARABLE[12], IN_2D[0], IN_2D[2], GENERAL[1]], ids=str)
@pytest.mark.parametrize("padding", [[9, 14, 13, 10], [30, -2, -1, 40], [-3, 41, 27, -5], [0, 36, 35, 1]])
@pytest.mark.parametrize("flip", [False, True])
def test_any_padding_pads_or_crops(body, kind, padding, flip):
    tensors, filters = setup(body, (1, 1, 14, 19), kind)
    assert_both_twins(body, tensors, (*filters[:4], padding), flip)


@pytest.mark.parametrize("kind", [SEPARABLE[8], IN_2D[2], GENERAL[1]], ids=str)
@pytest.mark.parametrize("offset", [[1, -2], [-3, 5], [4, 3], [-70, 0], [0, 200]])
def test_signs_may_lie_anywhere(body, kind, offset):
    assert_both_twins(body, *setup(body, (1, 2, 9, 13), kind), offset=offset)


@pytest.mark.parametrize(
    "activation", [(0.0, 1.0, None), (-0.5, 2.0, 0.5), (1.0, -1.5, None), (0.2, 1.0, 0.0)], ids=str
)
@pytest.mark.parametrize("kind", [SEPARABLE[8], GENERAL[1]], ids=str)
def test_any_slope_gain_and_clamp(body, kind, activation):
    assert_both_twins(body, *setup(body, (1, 2, 6, 7), kind), activation=activation)


@pytest.mark.parametrize("factors", [([2, 1], [1, 2]), ([1, 3], [2, 1]), ([4, 2], [2, 4])])
def test_the_axes_have_factors_of_their_own(body, factors):
    tensors, (fu, fd, _, _, padding) = setup(body, (1, 2, 9, 8), (2, 2, (6,), (3, 4)))
    assert_both_twins(body, tensors, (fu, fd, *factors, padding))


@pytest.mark.parametrize("kind", [(2, 2, (90,), (7,)), (1, 2, (5,), (60, 70)), (2, 1, (30, 40), (110,))], ids=str)
def test_a_filter_larger_than_the_picture_goes(body, kind):
    assert_both_twins(body, *setup(body, (1, 1, 5, 6), kind))


@pytest.mark.parametrize("kind", [SEPARABLE[8], SEPARABLE[6], GENERAL[0], (1, 1, (1, 1), (1, 1))], ids=str)
def test_a_picture_of_one_pixel_goes(body, kind):
    assert_both_twins(body, *setup(body, (2, 3, 1, 1), kind))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_layout_in_memory_does_not_matter(body, dtype, layout):
    tensors, (fu, fd, *factors) = setup(body, (2, 3, 9, 12), (2, 2, (12,), (8, 8)), dtype, layout)
    assert_both_twins(body, tensors, (fu.repeat_interleave(2)[::2], fd.t(), *factors))
    arguments = (*tensors, fu, fd, *factors, False, *ACTIVATION, True)
    y, signs = body.call(forward, *arguments)
    assert y.is_contiguous() and signs.is_contiguous()
    elsewhere = LAYOUTS[layout](signs)
    again = (tensors[0], elsewhere, fu, fd, *factors, [1, 0], False, 0.25, 1.5)
    assert_twin(body, signed, *again, **tolerance(dtype, fu, fd))


def test_without_a_bias_nothing_is_added(body):
    (x, b), filters = setup(body, (1, 2, 9, 8), SEPARABLE[8])
    rest = (*filters, False, *ACTIVATION, True)
    assert torch.equal(body.call(forward, x, None, *rest)[0], body.call(forward, x, b * 0, *rest)[0])


@pytest.mark.parametrize("kind", [SEPARABLE[8], IN_2D[0]], ids=str)
def test_the_number_of_threads_does_not_change_a_bit(cpp_body, kind):
    tensors, filters = setup(cpp_body, (3, 5, 40, 33), kind)
    assert_threads_change_nothing(lambda: cpp_body.call(forward, *tensors, *filters, False, *ACTIVATION, True))


def test_an_empty_batch_stays_empty(body):
    (x, b), filters = setup(body, (2, 3, 8, 8), SEPARABLE[8])
    y, signs = body.call(forward, x[:0], b, *filters, False, *ACTIVATION, True)
    assert y.shape[0] == signs.shape[0] == 0 and y.ndim == signs.ndim == 4
    assert body.call(signed, x[:0], signs, *filters, [0, 0], False, 0.2, 1.0).shape == y.shape


@pytest.mark.parametrize("kind", [SEPARABLE[8], GENERAL[0]], ids=str)
def test_what_is_no_number_stays_none(body, kind):
    (x, b), filters = setup(body, (1, 1, 20, 20), kind)
    x[0, 0, 10, 10] = float("nan")
    y, _ = body.call(forward, x, b, *filters, False, *ACTIVATION, True)
    assert y.isnan().any() and not y.isnan().all()


@pytest.mark.parametrize("case", CASES)
def test_values_and_all_derivatives_agree_with_the_golden_numbers(body, case):
    golden = {name: value.to(body.device) for name, value in golden_tensors(GOLDEN, case).items()}
    filters = {name: value.to(body.device) for name, value in golden_tensors(GOLDEN, "filters").items()}
    options = dict(CASES[case])
    options["flip"] = options.pop("flip_filter", False)
    options |= {name: filters.get(options.get(name)) for name in ("fu", "fd")}
    x, g = golden["x"].requires_grad_(), golden["g"].requires_grad_()
    with body.active():
        y = filtered_lrelu(x, golden.get("b"), **options)
        (dx,) = torch.autograd.grad(y, x, g, create_graph=True)
        (d2_g,) = torch.autograd.grad((dx * golden["g2"]).sum(), g)
    for ours, name in zip([y, dx, d2_g], ["y", "dx", "d2_g"], strict=True):
        assert_golden(ours, golden[name].cpu(), relative=1e-6)


@pytest.mark.parametrize("kind", [(2, 2, (5,), (4,)), (1, 2, (1, 1), (3, 2)), (3, 1, (4, 3), (2,))], ids=str)
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(body, kind):
    (x, b), (fu, fd, up, down, padding) = setup(body, (1, 2, 3, 4), kind, torch.float64)
    options = {"fu": fu, "fd": fd, "up": up, "down": down, "padding": padding, "clamp": 1.0}
    with body.active():
        assert gradcheck(lambda x, b: filtered_lrelu(x, b, **options), (x.requires_grad_(), b.requires_grad_()))
        assert gradgradcheck(lambda x, b: filtered_lrelu(x, b, **options), (x, b))


def all_derivatives(x, b, fu, fd, up, down, padding):
    """The result, the gradients of x and b, and what is left of them for the gradient that arrives."""
    x, b = x.requires_grad_(), b.requires_grad_()
    y = filtered_lrelu(x, b, fu=fu, fd=fd, up=up, down=down, padding=padding, clamp=1.25)
    dy, g = (torch.randn(a.shape, generator=torch.Generator().manual_seed(7)).to(a) for a in (y, x))
    dx, db = torch.autograd.grad(y, [x, b], dy.requires_grad_(), create_graph=True)
    return y, dx, db, *torch.autograd.grad(dx, dy, g)


@pytest.mark.parametrize("kind", [SEPARABLE[8], SEPARABLE[14], SEPARABLE[10], *IN_2D[:3]], ids=str)
def test_derivatives_in_float32_are_those_of_the_plain_body(body, kind):
    tensors, filters = setup(body, (2, 2, 17, 22), kind)
    with plain_bodies():
        expected = all_derivatives(*map(exactly, (*tensors, *filters)))
    with body.active():
        found = all_derivatives(*tensors, *filters)
    for ours, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), exact.float(), rtol=1e-5, atol=2e-5 * exact.abs().max().item())


REFUSED = [
    ({"x": torch.zeros(3, 4, 5)}, r"x of shape \[3, 4, 5\] is not \[N, C, H, W\]"),
    ({"x": torch.zeros(1, 2, 4, 5).int(), "b": None}, "no kernel for type Int"),
    ({"b": torch.zeros(3)}, r"b of shape \[3\] does not fit x of shape \[1, 2, 4, 5\]"),
    ({"b": torch.zeros(2).half()}, "b is of type Half, x of type Float"),
    ({"fu": torch.zeros(1, 2, 3)}, r"fu of shape \[1, 2, 3\] is neither \[taps\] nor \[height, width\]"),
    ({"fd": torch.zeros(0)}, r"fd of shape \[0\] is neither \[taps\] nor \[height, width\]"),
    ({"up": [0, 1]}, "up and down begin at 1"),
    ({"down": [1]}, "up and down take two numbers, padding four"),
    ({"padding": [0, 0, -2, -2]}, r"padding \[0, 0, -2, -2\] leaves nothing of 5x4 pixels"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(body, change, message):
    call = {"x": torch.zeros(1, 2, 4, 5), "b": torch.zeros(2), "fu": torch.ones(2), "fd": torch.ones(2)}
    call |= {"up": [1, 1], "down": [1, 1], "padding": [1, 1, 1, 1]} | change
    arguments = [v.to(body.device) if isinstance(v, torch.Tensor) else v for v in call.values()]
    with pytest.raises(RuntimeError, match=f"filtered_lrelu: {message}"):
        body.call(forward, *arguments, False, *ACTIVATION, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signs": torch.zeros(1, 1, 4, 2, dtype=torch.uint8)}, r"signs of shape \[1, 1, 4, 2\] do not fit x of shape"),
        ({"signs": torch.zeros(1, 2, 4, 2)}, r"signs of shape \[1, 2, 4, 2\] do not fit x"),
        ({"signs": torch.zeros(1, 2, 0, 2, dtype=torch.uint8)}, r"signs of shape \[1, 2, 0, 2\] do not fit x"),
        ({"offset": [0]}, "offset takes two numbers"),
    ],
)
def test_signs_that_do_not_fit_are_refused_in_one_line(body, change, message):
    call = {"x": torch.zeros(1, 2, 4, 5), "signs": torch.zeros(1, 2, 4, 2, dtype=torch.uint8), "fu": torch.ones(2)}
    call |= {"fd": torch.ones(2), "up": [1, 1], "down": [1, 1], "padding": [1, 1, 1, 1], "offset": [0, 0]} | change
    arguments = [v.to(body.device) if isinstance(v, torch.Tensor) else v for v in call.values()]
    with pytest.raises(RuntimeError, match=f"filtered_lrelu_signed: {message}"):
        body.call(signed, *arguments, False, 0.2, 1.0)


factors = st.sampled_from([1, 2, 4]) | st.integers(1, 4)
taps = st.tuples(st.integers(1, 26)) | st.tuples(st.integers(1, 13), st.integers(1, 13))


def assert_random_twin(body, size, taps, up, down, padding, offset, flip, dtype) -> None:
    for axis in (0, 1):  # x, then y
        lost = sum(shape[-1 if axis == 0 else 0] for shape in taps) - 1
        before, after = padding[2 * axis : 2 * axis + 2]
        assume(size[1 - axis] * up + before + after >= lost)
        assume(size[1 - axis] * up + min(0, before) + min(0, after) > 0)
    tensors, (fu, fd, *_) = setup(body, (1, 2, *size), (up, down, *taps), dtype)
    assert_both_twins(body, tensors, (fu, fd, [up, up], [down, down], list(padding)), flip, offset=offset)


test_random_cases_are_twins, test_two_thousand_random_cases_are_twins = random_twins(
    assert_random_twin,
    few=40,
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    taps=st.tuples(taps, taps),
    up=factors,
    down=factors,
    padding=st.tuples(*[st.integers(-6, 24)] * 4),
    offset=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    flip=st.booleans(),
    dtype=st.sampled_from(DTYPES),
)
