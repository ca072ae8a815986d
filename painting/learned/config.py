"""How a painter is trained: options, quick ones and the papers'."""

from dataclasses import dataclass, replace
from pathlib import Path

from painting.brushes import brush_named
from painting.learned.architectures import ARCHITECTURES
from painting.learned.losses import LOSSES
from torch_utils.errors import ConfigError

MAY_CHANGE = ("steps",)  # when a training goes on
_MOST_STEPS, _MOST_BATCH = 10_000_000, 4096


@dataclass(frozen=True, kw_only=True)
class PainterConfig:
    """A training's options.

    Attributes:
        size: side of the canvas that strokes are drawn on, pixels.
        steps: of the painter; a GAN's critic takes `critic_steps` before each.
        loss: of opacities against the brush's, a name in `painting.learned.losses.LOSSES`.
        rates: Adam's learning rate, each up to a share of the steps.
        ema: of weights; the average is what paints. Faster at first.
        ink_until: up to which share of the steps the loss "ink" favours pixels with ink.
        weights: of that loss against the critic's verdict, each up to a share of the steps (gan).
        encoding: share of the steps that the autoencoder takes, before the predictor's (vae).
        predictor_rates: as `rates`, of the predictor, by the share of its own steps (vae).
        every: steps between two looks at held-out strokes.
        held_out: how many strokes that are.
    """

    brush: str
    arch: str
    size: int
    steps: int
    batch: int = 32
    loss: str = "bce"
    seed: int = 0
    rates: tuple[tuple[float, float], ...] = ((0.7, 2e-3), (0.9, 5e-4), (1.0, 1e-4))
    betas: tuple[float, float] = (0.9, 0.99)
    ema: float = 0.995
    ink_until: float = 0.6
    critic_steps: int = 1
    weights: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    encoding: float = 0.6
    predictor_rates: tuple[tuple[float, float], ...] = ((0.4, 1e-2), (0.8, 1e-3), (1.0, 1e-4))
    every: int = 200
    held_out: int = 128


# In reach of one processor: a quarter of a minute for geo, a minute and more for fcn, three for gan and vae.
QUICK = {
    "fcn": PainterConfig(brush="bezier", arch="fcn", size=64, steps=4000, batch=16),
    "gan": PainterConfig(
        brush="pencil",
        arch="gan",
        size=64,
        steps=1200,
        batch=16,
        rates=((0.7, 1e-3), (0.9, 3e-4), (1.0, 1e-4)),
        betas=(0.5, 0.9),
    ),
    "vae": PainterConfig(
        brush="pencil", arch="vae", size=64, steps=1600, batch=16, rates=((0.7, 1e-3), (0.9, 3e-4), (1.0, 1e-4))
    ),
    "geo": PainterConfig(brush="pencil", arch="geo", size=64, steps=300, rates=((0.5, 1e-2), (0.8, 3e-3), (1.0, 1e-3))),
}

# As published with the papers. The original GAN painter sums squared errors over a picture; so does its loss here.
PAPER = {
    "fcn": replace(
        QUICK["fcn"],
        size=128,
        steps=500_000,
        batch=64,
        loss="squared",
        rates=((0.4, 1e-4), (0.8, 1e-5), (1.0, 1e-6)),
        betas=(0.9, 0.999),
        every=5000,
    ),
    "gan": replace(
        QUICK["gan"],
        steps=775_000,
        batch=64,
        loss="ink",
        rates=((1.0, 1e-4),),
        ink_until=100 / 775,
        weights=((500 / 775, 10.0), (550 / 775, 1.0), (1.0, 0.1)),
        critic_steps=5,
        every=5000,
    ),
    "vae": replace(
        QUICK["vae"],
        steps=450_000,
        batch=64,
        loss="ink",
        rates=((1.0, 1e-4),),
        betas=(0.9, 0.999),
        ink_until=10 / 450,
        encoding=2 / 3,
        predictor_rates=((1 / 3, 1e-2), (2 / 3, 1e-3), (1.0, 1e-4)),
        every=5000,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of `paint.py train-renderer`; None leaves an option to the preset."""

    brush: str
    arch: str
    size: int | None = None
    steps: int | None = None
    batch: int | None = None
    loss: str | None = None
    seed: int = 0
    outdir: Path | None = None
    paper: bool = False
    threads: int = 1
    device: str = "cpu"

    @property
    def folder(self) -> Path:
        return self.outdir or Path("out") / "painters" / f"{self.brush}-{self.arch}"


def config_of(request: Request) -> PainterConfig:
    """The preset with the user's changes, checked.

    Raises:
        ConfigError: an unknown name, or a number out of range.
    """
    brush = brush_named(request.brush).name
    arch = request.arch
    if arch not in ARCHITECTURES:
        raise ConfigError(f"--arch {arch}: no such painter. Use one of {', '.join(ARCHITECTURES)}.")
    if request.paper and arch not in PAPER:
        raise ConfigError(f"--paper: {arch} is of no paper. Leave it out, or use --arch {', '.join(PAPER)}.")
    changes = {name: getattr(request, name) for name in ("size", "steps", "batch", "loss")}
    config = replace(
        (PAPER if request.paper else QUICK)[arch],
        brush=brush,
        seed=request.seed,
        **{name: value for name, value in changes.items() if value is not None},
    )
    check(config)
    return config


def check(config: PainterConfig) -> None:
    """Raise a ConfigError for a name or a number that cannot be."""
    ARCHITECTURES[config.arch].check_size(config.size)
    if config.loss not in LOSSES:
        raise ConfigError(f"--loss {config.loss}: no such loss. Use one of {', '.join(LOSSES)}.")
    if not 1 <= config.steps <= _MOST_STEPS:
        raise ConfigError(f"--steps {config.steps}: from 1 to {_MOST_STEPS}. Use for example 1000.")
    if not 2 <= config.batch <= _MOST_BATCH:
        raise ConfigError(f"--batch {config.batch}: from 2 to {_MOST_BATCH} strokes. Use for example 32.")


def at_share(schedule: tuple[tuple[float, float], ...], share: float) -> float:
    """What a schedule says once a share (0…1) of the steps is done."""
    return next((value for until, value in schedule if share < until), schedule[-1][1])
