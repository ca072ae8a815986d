"""A fast body held against the plain one: what the twins' tests share."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch._ops import OpOverload

from torch_utils.ops.plain import compiled_ops, plain

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
# Relative: some roundings of the type computed in, one of the type stored. Absolute: where sums cancel.
TOLERANCES = {
    torch.float64: {"rtol": 1e-11, "atol": 1e-11},
    torch.float32: {"rtol": 1e-5, "atol": 1e-5},
    torch.float16: {"rtol": 2e-3, "atol": 1e-4},
    torch.bfloat16: {"rtol": 1.6e-2, "atol": 1e-4},
}


@dataclass(frozen=True)
class Body:
    """Where operators run: on which device, and inside which context."""

    name: str
    device: torch.device
    active: Callable[[], contextlib.AbstractContextManager[Any]]

    def draw(self, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
        """Normal numbers, the same on every device."""
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
            self.device, dtype
        )

    def call(self, op: OpOverload, *arguments: Any) -> Any:
        """The operator's results, by this body."""
        if self.name == "cpp" and not compiled_ops("cpu", [op.name()]):
            pytest.skip(f"{op.name()} has no C++ body")
        with self.active():
            return op(*arguments)


def assert_twin(body: Body, op: OpOverload, *arguments: Any, **tolerances: Any) -> None:
    """The body's results are those of the plain one in float64, rounded once to the type of the arguments."""
    dtype = next(a.dtype for a in arguments if isinstance(a, Tensor))
    tolerances = TOLERANCES[dtype] | tolerances
    ours = body.call(op, *arguments)
    exact = plain(op, *(exactly(a) for a in arguments))
    for mine, theirs in zip(_several(ours), _several(exact), strict=True):
        assert mine.dtype == dtype
        torch.testing.assert_close(mine.cpu(), theirs.to(dtype), **tolerances)


def assert_threads_change_nothing(call: Callable[[], Any]) -> None:
    """The results are the same to the last bit, however many threads share the work."""
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(list(_several(call())))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def random_twins(check: Callable[..., None], few: int, **strategies: Any) -> tuple[Callable, Callable]:
    """Two tests that check(body, **case) holds for random cases: for a few of them, and in the long tests 2,000.

    The strategies are hypothesis's, by the names of check's arguments.
    """

    def test_random_cases_are_twins(body, **case):
        check(body, **case)

    def test_two_thousand_random_cases_are_twins(body, **case):
        check(body, **case)

    def drawn(test: Callable, examples: int) -> Callable:
        return settings(max_examples=examples, deadline=None)(given(**strategies)(test))

    slow = pytest.mark.slow(drawn(test_two_thousand_random_cases_are_twins, 2000))
    return drawn(test_random_cases_are_twins, few), slow


def exactly(argument: Any) -> Any:
    """An argument on the CPU, in float64 if it holds numbers of a floating type."""
    if not isinstance(argument, Tensor):
        return argument
    return argument.cpu().double() if argument.is_floating_point() else argument.cpu()


def _several(results: Any) -> Iterator[Tensor]:
    return iter((results,) if isinstance(results, Tensor) else results)


def _misaligned(x: Tensor) -> Tensor:
    storage = torch.empty(x.numel() + 1, dtype=x.dtype, device=x.device)
    return storage[1:].view(x.shape).copy_(x)


# Of the same values as the tensor they are given, [N, C, H, W], except that `expanded` repeats the first picture.
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.contiguous(),
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "pictures last": lambda x: x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "sliced": lambda x: torch.cat([x, x], dim=3)[..., : x.shape[3]],
    "strided": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "expanded": lambda x: x[:1].expand(x.shape),
    "misaligned": _misaligned,
}
