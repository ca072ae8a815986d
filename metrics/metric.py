"""What a metric of features is: a function of real and fake ones, with a name that says which extractor it is of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number, its deviation over subsets if there are any, and what else belongs into the recipe."""

    value: float
    deviation: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """compute(real features [N, D], fake features [M, D], seed) → Value.

    fewest: pictures on either side without which there is no value.
    inception_name: what it is called on Inception's features; other_name on any other's.
    whole_reference: against every picture of the split, or against as many as are generated.
    """

    default_samples: int
    fewest: int
    inception_name: str
    other_name: str
    compute: Callable[[Tensor, Tensor, int], Value]
    whole_reference: bool
