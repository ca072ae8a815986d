"""Example inputs for every op, in one place: what the doctor and the trial of a new library run."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

# The modules are imported for the ops they register.
from torch_utils.ops import conv3x3 as _conv3x3  # noqa: F401
from torch_utils.ops import synthesis_epilogue as _synthesis_epilogue  # noqa: F401
from torch_utils.ops import warp as _warp  # noqa: F401
from torch_utils.ops.bias_act import ACTIVATIONS
from torch_utils.ops.filtered_lrelu import sizes_of
from torch_utils.ops.lowpass import design_lowpass
from torch_utils.ops.upfirdn2d import setup_filter

_DRAWN = 2**20  # numbers: drawing them takes far longer than any operator on a GPU does


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What examples are made of: so many pictures, channels and pixels a side, of a type, on a device."""

    count: int = 2
    channels: int = 3
    size: int = 9
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def random(self, *shape: int, seed: int) -> Tensor:
        """Normal numbers, the same on every device; from the _DRAWN-th on they repeat."""
        count = math.prod(shape)
        numbers = torch.randn(min(count, _DRAWN), generator=torch.Generator().manual_seed(seed))
        numbers = numbers.to(self.device, self.dtype)
        return numbers.repeat(count // _DRAWN + 1)[:count].reshape(shape)

    def pictures(self, seed: int = 0) -> Tensor:
        """[count, channels, size, size]"""
        return self.random(self.count, self.channels, self.size, self.size, seed=seed)


@dataclass(frozen=True)
class Case:
    """An op, and arguments for it; those at the places `differentiable` get gradients."""

    op: str
    variant: str
    arguments: Callable[[Pictures], tuple[Any, ...]]
    differentiable: tuple[int, ...] = (0,)

    @property
    def overload(self) -> OpOverload:
        """The op as torch knows it."""
        namespace, name = self.op.split("::")
        return getattr(getattr(torch.ops, namespace), name).default

    def __str__(self) -> str:
        return f"{self.op.partition('::')[2]} {self.variant}"


def _bias_act_cases() -> list[Case]:
    cases = []
    for name, activation in ACTIVATIONS.items():
        options = (1, name, activation.alpha, activation.gain, 1.5)

        def forward(p: Pictures, options=options) -> tuple[Any, ...]:
            return p.pictures(), p.random(p.channels, seed=1), *options

        def backward(p: Pictures, options=options) -> tuple[Any, ...]:
            return p.pictures(seed=2), *forward(p, options)

        cases.append(Case("kaokore::bias_act", name, forward, (0, 1)))
        cases.append(Case("kaokore::bias_act_backward", name, backward, (0, 1, 2)))
        cases.append(Case("kaokore::bias_act_gradients", name, backward, (0, 1, 2)))
    return cases


def _upfirdn2d_case(variant: str, up: int, down: int, taps: list[float], separable: bool) -> Case:
    def arguments(p: Pictures) -> tuple[Any, ...]:
        f = setup_filter(taps, separable=separable).to(p.device)
        return p.pictures(), f, [up, up], [down, down], [2, 1, 2, 1], False, float(up**2)

    return Case("kaokore::upfirdn2d", variant, arguments)


def _epilogue_cases(variant: str, clamp: float | None, *, scale: bool, noise: bool) -> list[Case]:
    def forward(p: Pictures) -> tuple[Any, ...]:
        scales = p.random(p.count, p.channels, seed=3) if scale else None
        noises = p.random(1, 1, p.size, p.size, seed=4) if noise else None
        return p.pictures(), scales, noises, p.random(p.channels, seed=1), 0.2, 2**0.5, clamp

    def backward(p: Pictures) -> tuple[Any, ...]:
        x, scales, noises, _, *options = forward(p)
        return p.pictures(seed=2), p.pictures(seed=5), x, scales, noises is not None, *options

    given = [0, *([1] if scale else []), *([2] if noise else []), 3]
    return [
        Case("kaokore::synthesis_epilogue", variant, forward, tuple(given)),
        Case("kaokore::synthesis_epilogue_backward", variant, backward, (0, 2, 3) if scale else (0,)),
    ]


def _filtered_lrelu_cases(variant: str, up: int, down: int, *, radial: bool, clamp: float | None) -> list[Case]:
    """Filters of 6 taps a factor, as StyleGAN3 has them."""
    padding, options = [3 * (up + down), 3 * (up + down) - 1] * 2, (False, 0.2, 2**0.5)

    def filters(p: Pictures) -> tuple[Any, ...]:
        fu = design_lowpass(6 * up, p.size / 4, p.size / 2, p.size * up)
        fd = design_lowpass(6 * down, p.size / 4, p.size / 2, p.size * down, radial=radial)
        assert fu is not None and fd is not None
        return fu.to(p.device), fd.to(p.device), [up, up], [down, down], padding

    def forward(p: Pictures) -> tuple[Any, ...]:
        return p.pictures(), p.random(p.channels, seed=1), *filters(p), *options, clamp, True

    def signed(p: Pictures) -> tuple[Any, ...]:
        x, _, fu, fd, *_ = forward(p)
        height, width = sizes_of("", x, fu, fd, [up, up], [down, down], padding).fine
        shape, generator = (p.count, p.channels, height, (width + 3) // 4), torch.Generator().manual_seed(6)
        signs = torch.randint(256, shape, dtype=torch.uint8, generator=generator).to(p.device)
        return x, signs, *filters(p), [1, -2], *options

    return [
        Case("kaokore::filtered_lrelu", variant, forward, (0, 1)),
        Case("kaokore::filtered_lrelu_signed", variant, signed),
    ]


def _convolution_case(variant: str, *, transposed: bool) -> Case:
    """From all channels to five."""

    def arguments(p: Pictures) -> tuple[Any, ...]:
        w = p.random(5, p.channels, 3, 3, seed=1)
        return p.pictures(), w.transpose(0, 1) if transposed else w, transposed

    return Case("kaokore::conv3x3", variant, arguments, (0, 1))


def _weight_case(p: Pictures) -> tuple[Any, ...]:
    return p.random(p.count, 5, p.size, p.size, seed=2), p.pictures()


def _turned(p: Pictures) -> Tensor:
    """A slight turn and shift, the same for every picture: [count, 2, 3]"""
    return torch.tensor([[0.96, -0.28, 0.1], [0.28, 0.96, -0.05]], device=p.device).repeat(p.count, 1, 1)


CASES: tuple[Case, ...] = (
    *_bias_act_cases(),
    _upfirdn2d_case("up 2", 2, 1, [1, 3, 3, 1], separable=False),
    _upfirdn2d_case("down 2", 1, 2, [1, 3, 3, 1], separable=False),
    _upfirdn2d_case("same size", 1, 1, [1, 3, 3, 1], separable=False),
    _upfirdn2d_case("up 2, 12 taps along each axis", 2, 1, [1.0, *range(1, 11), 2.0], separable=True),
    *_epilogue_cases("whole", 1.5, scale=True, noise=True),
    *_epilogue_cases("bias alone", None, scale=False, noise=False),
    *_filtered_lrelu_cases("up 2, down 2", 2, 2, radial=False, clamp=None),
    *_filtered_lrelu_cases("up 4, down 2, clamped", 4, 2, radial=False, clamp=1.0),
    *_filtered_lrelu_cases("up 2, down 2, radial", 2, 2, radial=True, clamp=None),
    *_filtered_lrelu_cases("up 1, down 4", 1, 4, radial=False, clamp=None),
    _convolution_case("as it is", transposed=False),
    _convolution_case("transposed", transposed=True),
    Case("kaokore::conv3x3_weight", "as it is", _weight_case, (0, 1)),
    Case("kaokore::warp", "turned", lambda p: (p.pictures(), _turned(p), [p.size, p.size])),
    Case("kaokore::warp_backward", "turned", lambda p: (p.pictures(), _turned(p), [p.size, p.size])),
)
