"""From the flags of paint.py train-agent to one tree of options: method and preset, then flags, then --set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from painting.agents.config import AdversarialConfig, AgentConfig, DdpgConfig
from painting.brushes import brush_named
from torch_utils.config import with_options, with_settings
from torch_utils.errors import ConfigError

_WHITE = (1.0, 1.0, 1.0)
PRESETS = {  # (method, preset): quick ones are for two cores; the papers' say what the papers' programs did
    ("analytic", "quick"): AgentConfig(size=32, batch=16, updates=2000),
    ("analytic", "full"): AgentConfig(size=64, batch=8, updates=6000, every=1000),
    ("ddpg", "quick"): AgentConfig(size=32, steps=8, batch=32, updates=4000, ema=0.0, method=DdpgConfig(tau=0.01)),
    ("ddpg", "paper"): AgentConfig(
        size=128,
        steps=40,
        batch=96,
        updates=500_000,
        holdout=2000,
        every=500,
        ema=0.0,
        method=DdpgConfig(width=64, drops=(100_000, 200_000), replay=32_000, warmup=400, looks=4),
    ),
    ("adversarial", "quick"): AgentConfig(
        brush="dry",
        size=32,
        bundle=1,
        steps=15,
        batch=16,
        updates=2000,
        background=_WHITE,
        method=AdversarialConfig(critic_width=16, critic_updates=2, lr=3e-4),
    ),
    ("adversarial", "paper"): AgentConfig(
        brush="dry",
        size=64,
        bundle=1,
        steps=15,
        batch=64,
        updates=27_000,
        ema=0.0,
        background=_WHITE,
        method=AdversarialConfig(),
    ),
}


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """A command line of paint.py train-agent; None leaves what the preset says."""

    data: Path
    method: str = "analytic"
    preset: str = "quick"
    renderer: Path | None = None
    brush: str | None = None
    size: int | None = None
    steps: int | None = None
    bundle: int | None = None
    batch: int | None = None
    updates: int | None = None
    seed: int | None = None
    settings: Sequence[str] = ()
    outdir: Path | None = None


def config_of(flags: TrainFlags) -> AgentConfig:
    """The options that the flags mean.

    Raises:
        ConfigError: unknown method, preset, brush or option, or a value that does not fit.
    """
    if (flags.method, flags.preset) not in PRESETS:
        there = ", ".join(f"--method {method} --preset {preset}" for method, preset in PRESETS)
        raise ConfigError(f"--method {flags.method} --preset {flags.preset}: no such pair. Use one of: {there}.")
    names = ("brush", "size", "steps", "bundle", "batch", "updates", "seed")
    changes: list[tuple[str, object]] = [("data", str(flags.data))]
    changes += [(name, getattr(flags, name)) for name in names if getattr(flags, name) is not None]
    if flags.renderer is not None:
        if flags.method == "analytic":
            raise ConfigError(
                f"--renderer {flags.renderer}: the analytic method tries every stroke with the rasteriser itself. "
                f"Leave --renderer out, or use --method ddpg or adversarial."
            )
        changes.append(("method.renderer", str(flags.renderer)))
    config = with_settings(with_options(PRESETS[flags.method, flags.preset], changes), flags.settings)
    brush_named(config.brush)
    return config


def folder_of(flags: TrainFlags, config: AgentConfig) -> Path:
    """--outdir, or runs/<zip>-agent-<method>-<brush>-<preset>."""
    return flags.outdir or Path("runs") / f"{flags.data.stem}-agent-{flags.method}-{config.brush}-{flags.preset}"
