"""Signs that a run goes wrong while all its numbers are finite: told once, and again when they come back."""

from collections.abc import Mapping

from training.augment.config import AdaptiveStrength, AugmentConfig

# Means over a tick. While the players are even, both losses stay near ln 2 ≈ 0.7 to 3.
_G_LOST = 8.0  # loss of G: D takes its pictures for real once in e^8 ≈ 3000 times
_D_LOST = 2.0  # loss of D: guessing would give 2 ln 2 ≈ 1.39


class Health:
    """Looks at each tick's values."""

    def __init__(self, augment: AugmentConfig):
        self._cap = augment.strength.max_p if isinstance(augment.strength, AdaptiveStrength) else None
        self._told: set[str] = set()

    def warnings(self, values: Mapping[str, float]) -> list[str]:
        """What is wrong now and was not a tick before; by the names of stats.jsonl."""
        found = self._found(values)
        fresh = [line for title, line in found.items() if title not in self._told]
        self._told = set(found)
        return fresh

    def _found(self, values: Mapping[str, float]) -> dict[str, str]:
        found = {}
        if values.get("loss/G", 0) > _G_LOST:
            found["G lost"] = (
                f"warning: D is far ahead of G (loss of G {values['loss/G']:.1f}). If this stays so for many ticks, "
                "raise losses.r1.gamma or lower optimizer.discriminator_lr."
            )
        if values.get("loss/D", 0) > _D_LOST:
            found["D lost"] = (
                f"warning: D judges worse than by guessing (loss of D {values['loss/D']:.2f}, guessing gives 1.39). If "
                "this stays so for many ticks, lower losses.r1.gamma or optimizer.generator_lr."
            )
        if self._cap is not None and values.get("augment/p", 0) >= self._cap:
            found["p capped"] = (
                f"warning: the augmentation's p is at its cap of {self._cap:g}: D still knows the pictures by heart. "
                "More pictures, --mirror or a transfer (--resume) help; an earlier snapshot may be the best."
            )
        return found
