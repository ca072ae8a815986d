"""From classify.py's flags to one tree of options: preset, then flags, then --set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classification.config import ClassifierConfig
from classification.models import check_model
from classification.presets import preset
from torch_utils.config import with_options, with_settings


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """A command line of classify.py train; None leaves what the preset says."""

    data: Path
    label: str
    model: str
    preset: str = "paper"
    weights: str | None = None
    split_by: str | None = None
    split_seed: int | None = None
    size: int | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int | None = None
    settings: Sequence[str] = ()
    outdir: Path | None = None


_PATHS = {
    "weights": "network.weights",
    "split_by": "data.split_by",
    "split_seed": "data.split_seed",
    "size": "network.size",
    "epochs": "schedule.epochs",
    "batch": "batch_size",
    "seed": "seed",
}


def config_of(flags: TrainFlags) -> ClassifierConfig:
    """The options that the flags mean.

    Raises:
        ConfigError: unknown model, preset or option, or a value that does not fit.
    """
    check_model(flags.model)
    changes: list[tuple[str, object]] = [
        ("data.path", str(flags.data)),
        ("data.label", flags.label),
        ("network.model", flags.model),
    ]
    given = [(path, getattr(flags, name)) for name, path in _PATHS.items()]
    changes += [(path, value) for path, value in given if value is not None]
    return with_settings(with_options(preset(flags.preset), changes), flags.settings)


def folder_of(flags: TrainFlags, config: ClassifierConfig) -> Path:
    """--outdir, or runs/<zip>-<label>-<model>-<preset>."""
    return flags.outdir or Path("runs") / f"{flags.data.stem}-{flags.label}-{config.network.model}-{flags.preset}"
