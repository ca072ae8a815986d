"""Kernel inception distance: unbiased, so that small sets can be compared."""

from torch import Tensor

from metrics.features import kernel_distance
from metrics.metric import Metric, Value

SUBSETS, SUBSET_SIZE = 100, 300


def compute(real: Tensor, fake: Tensor, seed: int) -> Value:
    """real, fake: features [N, D]. Subsets are drawn from `seed`, and cut to the smaller set where it is below 300."""
    size = min(SUBSET_SIZE, len(real), len(fake))
    mean, deviation = kernel_distance(real, fake, subsets=SUBSETS, subset_size=size, seed=seed)
    details: dict[str, object] = {"subsets": SUBSETS, "subset_size": size}
    if size < SUBSET_SIZE:
        details["note"] = f"subsets of {size} instead of {SUBSET_SIZE}: there are no more pictures"
    return Value(value=mean, deviation=deviation, details=details)


METRIC = Metric(
    default_samples=2_000,
    fewest=10,
    inception_name="KID",
    other_name="KID",
    compute=compute,
    whole_reference=False,
)
