"""Options of the augmentation: which set, and how its strength p is found."""

import difflib
from dataclasses import dataclass, field
from typing import Literal

from torch_utils.errors import ConfigError
from training.augment.sets import SETS


@dataclass(frozen=True, kw_only=True)
class AdaptiveStrength:
    """p follows how much D overfits: see `training.augment.adaptive`."""

    kind: Literal["adaptive"] = "adaptive"
    target: float = 0.6
    """Mean sign of D at real pictures to aim at."""
    every: int = 4
    """Batches between adjustments."""
    kimg: float = 500.0
    """Thousands of real pictures in which p may rise from 0 to 1."""
    max_p: float = 0.85
    """Cap: beyond it some changes leak into the generated pictures."""
    start_p: float = 0.0

    def __post_init__(self):
        _require(-1 <= self.target <= 1, "target", self.target, "A mean sign lies between -1 and 1; 0.6 is usual.")
        _require(self.every >= 1, "every", self.every, "Use a whole number of batches from 1 on.")
        _require(self.kimg > 0, "kimg", self.kimg, "Use a number above 0; 500 is usual.")
        _require(0 <= self.max_p <= 1, "max_p", self.max_p, "Use a probability between 0 and 1.")
        _require(0 <= self.start_p <= self.max_p, "start_p", self.start_p, f"Use 0 to max_p ({self.max_p}).")


@dataclass(frozen=True, kw_only=True)
class FixedStrength:
    """The same p from the first picture to the last."""

    kind: Literal["fixed"] = "fixed"
    p: float = 0.2

    def __post_init__(self):
        _require(0 <= self.p <= 1, "p", self.p, "Use a probability between 0 and 1.")


@dataclass(frozen=True, kw_only=True)
class NoStrength:
    """No augmentation."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is changed in the pictures D sees, and how often."""

    pipe: str = "bgc"
    """A name from `training.augment.sets.SETS`."""
    strength: AdaptiveStrength | FixedStrength | NoStrength = field(default_factory=AdaptiveStrength)

    def __post_init__(self):
        if self.pipe not in SETS:
            near = difflib.get_close_matches(self.pipe, SETS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(SETS)}."
            raise ConfigError(f"augment.pipe: {self.pipe} is no set of augmentations. {hint}")
        if self.pipe == "none" and not isinstance(self.strength, NoStrength):
            raise ConfigError(
                "augment.pipe: none augments nothing, whatever its strength. Use --augpipe faces, or --aug noaug."
            )


def _require(holds: bool, name: str, value: float, remedy: str) -> None:
    if not holds:
        raise ConfigError(f"augment.strength.{name}: {value} is not possible. {remedy}")
