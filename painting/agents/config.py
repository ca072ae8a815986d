"""What can be set of an agent's training: one tree of frozen dataclasses, saved in the run and in the agent's file."""

from dataclasses import dataclass, field
from typing import Literal

from painting.strokes import LARGEST
from torch_utils.errors import ConfigError

SMALLEST = 16


@dataclass(frozen=True, kw_only=True)
class AnalyticConfig:
    """Proposals for every cell, each trained on what it improves by itself (`painting.agents.cells`).

    Attributes:
        width, widest: channels at half the size, and at most.
        finest: pixels of the smallest cells.
        lr: Adam's, falling to a twentieth along a cosine.
    """

    kind: Literal["analytic"] = "analytic"
    width: int = 32
    widest: int = 192
    finest: int = 4
    lr: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class DdpgConfig:
    """Learning to Paint's: an actor, a critic, a learned reward (`painting.agents.ddpg`).

    Attributes:
        width: channels of the networks' first stage; the paper's is 64.
        lr, critic_lr, judge_lr: Adam's of actor, critic and the reward's discriminator.
        drops: updates at which the first two fall by the root of ten.
        gamma: what the next look's worth counts, of this one's.
        tau: how fast the slow copies follow.
        replay: looks that are kept.
        warmup: looks at every painting before the first update.
        looks: at every painting between updates.
        noise: highest deviation of what is added to strokes while exploring.
        renderer: file of a learned painter to learn through, as the paper did; none: the rasteriser itself.
    """

    kind: Literal["ddpg"] = "ddpg"
    width: int = 16
    lr: float = 1e-3
    critic_lr: float = 3e-4
    judge_lr: float = 3e-4
    drops: tuple[int, ...] = ()
    gamma: float = 0.95**5
    tau: float = 0.001
    replay: int = 4096
    warmup: int = 16
    looks: int = 1
    noise: float = 0.0
    renderer: str = ""


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig:
    """The neural painters': a recurrent agent that is to please a critic (`painting.agents.adversarial`).

    Attributes:
        lr: Adam's, of both.
        critic_width: channels of the critic's first layer.
        critic_updates: of the critic for each of the agent.
        squared_weight: of the mean squared error beside what pleases.
        renderer: file of a learned painter to learn through, as the original did; none: the rasteriser itself.
    """

    kind: Literal["adversarial"] = "adversarial"
    lr: float = 1e-4
    critic_width: int = 64
    critic_updates: int = 5
    squared_weight: float = 10.0
    renderer: str = ""


MethodConfig = AnalyticConfig | DdpgConfig | AdversarialConfig

_COUNTS = ("replay", "warmup", "looks", "critic_width", "critic_updates")
_RATES = ("lr", "critic_lr", "judge_lr")
_SHARES = ("gamma", "tau", "noise")
_GROUPS = 8  # of channels, that the cells' network normalises together


def _check_numbers(method: MethodConfig) -> None:
    """Raise a ConfigError for a method's number that is out of range."""
    step = _GROUPS if isinstance(method, AnalyticConfig) else 1
    for name, value in vars(method).items():
        if name in _COUNTS and value < 1:
            raise ConfigError(f"method.{name}: {value} is below 1. Use at least 1.")
        if name in _RATES and not 0 < value < float("inf"):
            raise ConfigError(f"method.{name}: {value} is not above 0. Use for example 0.0003.")
        if name in _SHARES and not 0 <= value <= 1:
            raise ConfigError(f"method.{name}: {value} is not from 0 to 1. Use for example 0.01.")
        if name in ("width", "widest") and (value < 1 or value % step):
            raise ConfigError(f"method.{name}: {value} is no multiple of {step} above 0. Use for example 32.")
        if name == "squared_weight" and not 0 <= value < float("inf"):
            raise ConfigError(f"method.{name}: {value} is below 0. Use for example 10.")


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """A training.

    Attributes:
        data: the archive, as it was given.
        size: side in pixels of what the agent sees.
        bundle: strokes at each look.
        steps: looks at a painting.
        background: RGB of the empty canvas.
        batch: paintings under way.
        updates: of the agent.
        holdout: pictures that are kept for measuring; at most a tenth of all.
        flip: pictures are mirrored every second time.
        ema: decay of the weights' moving average, which is measured and saved.
        every: updates between measurements and checkpoints.
    """

    data: str = ""
    brush: str = "bezier"
    size: int = 64
    bundle: int = 5
    steps: int = 40
    background: tuple[float, ...] = (0.0, 0.0, 0.0)
    batch: int = 16
    updates: int = 10_000
    holdout: int = 64
    flip: bool = True
    ema: float = 0.99
    every: int = 500
    seed: int = 0
    method: MethodConfig = field(default_factory=AnalyticConfig)

    def __post_init__(self) -> None:
        if not SMALLEST <= self.size <= LARGEST or self.size & (self.size - 1):
            raise ConfigError(f"size: {self.size} is no power of two from {SMALLEST} to {LARGEST}. Use 64.")
        for name in ("bundle", "steps", "batch", "updates", "holdout", "every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is below 1. Use at least 1.")
        if len(self.background) != 3 or not all(0 <= value <= 1 for value in self.background):
            raise ConfigError(
                f"background: {list(self.background)} are not three numbers from 0 to 1. Black is [0,0,0]."
            )
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema: {self.ema} is not from 0 to below 1. Use 0.99; 0 for none.")
        finest = getattr(self.method, "finest", 4)
        if not 2 <= finest <= self.size // 2 or finest & (finest - 1):
            raise ConfigError(f"method.finest: {finest} is no power of two from 2 to {self.size // 2}. Use 4.")
        _check_numbers(self.method)
        if isinstance(self.method, DdpgConfig) and not 2 <= self.batch <= self.method.replay:
            raise ConfigError(
                f"batch: {self.batch} does not go from 2 to method.replay={self.method.replay}: "
                f"ddpg normalises over paintings, and the replay holds them all. Use batch=32."
            )
        if isinstance(self.method, AdversarialConfig) and (self.bundle != 1 or self.size < 32):
            raise ConfigError(
                f"method.kind=adversarial: says one stroke at a time and sees at least 32 pixels, "
                f"not bundle={self.bundle}, size={self.size}. Use bundle=1 and size=64."
            )

    @property
    def strokes(self) -> int:
        """Of a painting."""
        return self.bundle * self.steps
