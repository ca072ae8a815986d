"""Adaptive strength: augment more when D overfits, less when it does not."""

from training.augment.config import AdaptiveStrength


def adjust(p: float, mean_sign: float, config: AdaptiveStrength, images: int) -> float:
    """The next p, moved by one fixed amount towards the target.

    D overfits when it is sure of the real pictures: r_t = E[sign D(real)] is then near 1, and near 0 while D guesses.
    The step is images / (kimg · 1000), so p needs at least `kimg` thousand pictures to go from 0 to 1.

    Args:
        p: the strength so far.
        mean_sign: r_t since the last adjustment, -1…1.
        images: real pictures shown to D since the last adjustment.
    Returns:
        p in 0…config.max_p.
    Source: Karras et al. 2020 (ADA), section 3.1.
    """
    direction = (mean_sign > config.target) - (mean_sign < config.target)
    moved = p + direction * images / (config.kimg * 1000)
    return min(max(moved, 0.0), config.max_p)
