"""Whatever body an op has now against its plain one: the result, the derivative, and the derivative of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from torch_utils.ops.cases import Case, Pictures
from torch_utils.ops.plain import plain_bodies

# Allowed difference, relative to the largest number: a few roundings of the type.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}
STAGES = ("forward", "backward", "twice")


@dataclass(frozen=True)
class Comparison:
    """The largest difference of each stage, relative to the largest number in it; NaN where either has one.

    error: what torch said where the op could not be run; all differences are infinite then.
    """

    case: Case
    differences: tuple[float, float, float]
    tolerance: float
    error: str = ""

    @property
    def agrees(self) -> bool:
        """Whether every stage stays within the tolerance; a NaN does not."""
        return all(difference <= self.tolerance for difference in self.differences)

    def __str__(self) -> str:
        if self.error:
            return f"{self.case}: breaks ({self.error})"
        parts = ", ".join(f"{name} {value:.1e}" for name, value in zip(STAGES, self.differences, strict=True))
        return f"{self.case}: differs by {parts} (allowed {self.tolerance:.0e})"


def compare(case: Case, pictures: Pictures) -> Comparison:
    """Run an op and its plain body on the same inputs."""
    with plain_bodies():
        expected = _stages(case, pictures)
    try:
        found = _stages(case, pictures)
    except RuntimeError as error:  # torch's for whatever a body does wrong, CUDA's own errors among them
        infinite = float("inf")
        return Comparison(
            case, (infinite, infinite, infinite), TOLERANCE[pictures.dtype], str(error).partition("\n")[0]
        )
    forward, backward, twice = (_difference(a, b) for a, b in zip(found, expected, strict=True))
    return Comparison(case, (forward, backward, twice), TOLERANCE[pictures.dtype])


def _stages(case: Case, pictures: Pictures) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """The results, the gradients of the inputs, and the gradients of those (with respect to inputs and dy)."""
    arguments: list[Any] = list(case.arguments(pictures))
    for place in case.differentiable:
        arguments[place].requires_grad_()
    inputs = [arguments[place] for place in case.differentiable]
    results = case.overload(*arguments)
    results = [results] if isinstance(results, Tensor) else list(results)
    results = [result for result in results if result.is_floating_point()]  # other ones show in the derivatives
    dy = [weights.requires_grad_() for weights in _weights(results, pictures, seed=100)]
    first = _present(torch.autograd.grad(results, inputs, dy, create_graph=True, allow_unused=True))
    weights = _weights(first, pictures, seed=200)
    second = _present(torch.autograd.grad(first, [*inputs, *dy], weights, allow_unused=True))
    return [result.detach() for result in results], [gradient.detach() for gradient in first], second


def _weights(tensors: Sequence[Tensor], pictures: Pictures, seed: int) -> list[Tensor]:
    """Random numbers of the same shapes, so that no element's part in a sum is lost."""
    return [pictures.random(*tensor.shape, seed=seed + place) for place, tensor in enumerate(tensors)]


def _present(gradients: Sequence[Tensor | None]) -> list[Tensor]:
    """Without those that are zero everywhere, for which torch gives None."""
    return [gradient for gradient in gradients if gradient is not None]


def _difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    if len(found) != len(expected) or any(a.shape != b.shape for a, b in zip(found, expected, strict=True)):
        return float("inf")
    differences = [0.0]
    for a, b in zip(found, expected, strict=True):
        if b.numel():
            largest = b.double().abs().max().clamp(min=1e-30)
            differences.append(float((a.double() - b.double()).abs().max() / largest))
    return float(torch.tensor(differences, dtype=torch.float64).max())  # unlike Python's max, keeps a NaN
