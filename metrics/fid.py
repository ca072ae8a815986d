"""Fréchet inception distance; with another extractor than Inception, a Fréchet distance of that name."""

from torch import Tensor

from metrics.features import frechet_distance
from metrics.metric import Metric, Value


def compute(real: Tensor, fake: Tensor, seed: int) -> Value:
    """real, fake: features [N, D]. The covariance of fewer than D pictures is singular, which the notes say."""
    smallest = min(len(real), len(fake))
    notes = {}
    if smallest <= real.shape[1]:
        notes["note"] = f"{smallest} pictures for {real.shape[1]} features: biased upwards, compare only like with like"
    return Value(value=frechet_distance(real, fake), details=notes)


METRIC = Metric(
    default_samples=50_000,
    fewest=2,  # one picture has no covariance
    inception_name="FID",
    other_name="Fréchet distance",
    compute=compute,
    whole_reference=True,
)
