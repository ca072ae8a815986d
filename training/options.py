"""From flags to the tree of options: preset → --config → flags → --set; a run that goes on starts from its own."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dataset.archive import Archive
from torch_utils.config import from_json, overlaid, to_json, with_options, with_settings
from torch_utils.errors import ConfigError
from training.augment.config import AdaptiveStrength, FixedStrength, NoStrength
from training.config import DataConfig, RuntimeConfig, TrainConfig
from training.outputs import saved_config
from training.presets import resolve
from training.sharing import asked_runtime, batch_changes, check_gpus


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The command line of train.py; None where a flag is not given."""

    data: Path
    outdir: Path | None = None
    gpus: int | None = None
    processes: int | None = None
    cfg: str | None = None
    config_file: Path | None = None
    batch: int | None = None
    batch_gpu: int | None = None
    gamma: float | None = None
    kimg: float | None = None
    tick: float | None = None
    snap: int | None = None
    mirror: bool | None = None
    cond: str | None = None
    split: str | None = None
    aug: str | None = None
    target: float | None = None
    fixed_p: float | None = None
    augpipe: str | None = None
    freezed: int | None = None
    resume: Path | None = None
    metrics: str | None = None
    metrics_every: int | None = None
    extractor: Path | None = None
    extractor_sha256: str | None = None
    inception_weights: Path | None = None
    seed: int | None = None
    precision: str | None = None
    workers: int | None = None
    threads: int | None = None
    timeout: float | None = None
    max_restarts: int | None = None
    ops: str | None = None
    snapshot_parts: str | None = None
    keep: int | None = None
    milestone: float | None = None
    settings: tuple[str, ...] = ()


_TRANSFER_ADA_KIMG = 100.0  # a transferred D overfits sooner: p may rise five times as fast (Karras et al. 2020)

# Each flag and the one option it stands for.
_PATHS = {
    "gamma": ("losses.r1.gamma",),
    "kimg": ("schedule.total_kimg",),
    "tick": ("schedule.tick_kimg",),
    "snap": ("schedule.snapshot_ticks",),
    "mirror": ("data.mirror",),
    "split": ("data.split",),
    "augpipe": ("augment.pipe",),
    "freezed": ("transfer.freeze_discriminator",),
    "resume": ("transfer.snapshot",),
    "metrics": ("metrics.names",),
    "metrics_every": ("metrics.every",),
    "extractor": ("metrics.extractor",),
    "extractor_sha256": ("metrics.extractor_sha256",),
    "inception_weights": ("metrics.inception_weights",),
    "seed": ("runtime.seed",),
    "precision": ("generator.precision", "discriminator.precision"),
    "workers": ("runtime.workers",),
    "threads": ("runtime.threads",),
    "timeout": ("runtime.timeout",),
    "max_restarts": ("runtime.max_restarts",),
    "ops": ("runtime.ops",),
    "snapshot_parts": ("runtime.snapshot_parts",),
    "keep": ("runtime.keep",),
    "milestone": ("runtime.milestone_kimg",),
}


def open_run(flags: Flags) -> tuple[TrainConfig, Path, Archive]:
    """Open the archive and resolve the options of a new run, or of one that goes on.

    Raises:
        UserError: before anything is computed or written.
    """
    if flags.gpus is not None:
        check_gpus(flags.gpus)
    archive = Archive.open(flags.data)
    folder = flags.outdir or Path("runs") / f"{flags.data.stem}-{flags.cfg or 'auto'}"
    saved = saved_config(folder)
    if saved is not None and flags.cfg is not None and flags.cfg != saved.preset:
        raise ConfigError(f"--cfg {flags.cfg}: {folder} was trained with {saved.preset}. Use another --outdir.")
    given = _given_options(flags.config_file)
    base = saved if saved is not None else _fresh(flags, archive, given.get("preset"))
    if given:
        base = from_json(TrainConfig, overlaid(to_json(base), given))
    config = _with_flags(base, flags, archive)
    config = replace(config, data=replace(config.data, path=str(flags.data)))
    check_gpus(config.runtime.gpus)
    archive.indices(config.data.split)
    return config, folder, archive


def _fresh(flags: Flags, archive: Archive, preset: str | None) -> TrainConfig:
    machine = RuntimeConfig(gpus=int(torch.cuda.is_available()))
    runtime = asked_runtime(machine, flags.gpus, flags.processes)
    config = resolve(
        flags.cfg or preset or "auto",
        data=DataConfig(path=str(flags.data)),
        resolution=archive.resolution,
        gpus=runtime.gpus,
        processes=runtime.processes,
        batch=flags.batch,
        batch_gpu=flags.batch_gpu,
    )
    if flags.resume is None:
        return config
    sharp = replace(config.losses.blur, sigma=0.0)  # D has learnt where to look (Karras et al. 2021)
    return replace(config, losses=replace(config.losses, blur=sharp))


def _given_options(path: Path | None) -> dict[str, Any]:
    """The options of --config: a whole config.json, or only some options of one. They stand above the preset."""
    if path is None:
        return {}
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}. Give a JSON file of options.") from error
    except ValueError as error:
        raise ConfigError(f"--config {path}: not JSON ({error}). Give a run's config.json.") from error
    if not isinstance(given, dict):
        raise ConfigError(f"--config {path}: holds no options. Give a run's config.json, or some of its lines.")
    return given


def _with_flags(config: TrainConfig, flags: Flags, archive: Archive) -> TrainConfig:
    runtime = asked_runtime(config.runtime, flags.gpus, flags.processes)
    changes: list[tuple[str, object]] = [("runtime.gpus", runtime.gpus), ("runtime.processes", runtime.processes)]
    changes += batch_changes(config, runtime, flags.batch, flags.batch_gpu)
    for flag, paths in _PATHS.items():
        value = getattr(flags, flag)
        if value is not None:
            changes += [(path, str(value) if isinstance(value, Path) else value) for path in paths]
    if flags.metrics == "none":  # the field's word
        changes.append(("metrics.names", ""))
    config = with_options(config, changes)
    if flags.cond is not None:
        config = replace(config, data=replace(config.data, label_sets=_label_sets(flags.cond, archive)))
    config = _with_strength(config, flags)
    return with_settings(config, flags.settings)


def _label_sets(cond: str, archive: Archive) -> tuple[str, ...]:
    names = tuple(label_set.name for label_set in archive.label_sets)
    if not names:
        raise ConfigError(f"--cond: {archive.path.name} has no labels. Pack it with labels, or leave --cond out.")
    if cond == "all":
        return names
    wanted = tuple(name.strip() for name in cond.split(","))
    if len(set(wanted)) < len(wanted):
        raise ConfigError(f"--cond {cond}: a label set is named twice. Name each once.")
    for name in wanted:
        if name not in names:
            raise ConfigError(
                f"--cond {name}: no such label set in {archive.path.name}. There are: {', '.join(names)}."
            )
    return wanted


def _with_strength(config: TrainConfig, flags: Flags) -> TrainConfig:
    strength = config.augment.strength
    fixed = flags.aug == "fixed" or (flags.aug is None and flags.fixed_p is not None)
    if flags.fixed_p is not None and not fixed:
        raise ConfigError(f"--p {flags.fixed_p}: only fixed augmentation has a given p. Use --aug fixed.")
    if flags.aug == "noaug":
        strength = NoStrength()
    elif fixed:
        if flags.fixed_p is None:
            raise ConfigError("--aug fixed: needs a probability. Give --p, for example --p 0.2.")
        strength = FixedStrength(p=flags.fixed_p)
    elif flags.aug == "ada" and not isinstance(strength, AdaptiveStrength):
        strength = AdaptiveStrength()
    if flags.target is not None:
        if not isinstance(strength, AdaptiveStrength):
            raise ConfigError(f"--target {flags.target}: only adaptive augmentation has a target. Use --aug ada.")
        strength = replace(strength, target=flags.target)
    if flags.resume is not None and strength == AdaptiveStrength(target=getattr(strength, "target", 0.6)):
        strength = replace(strength, kimg=_TRANSFER_ADA_KIMG)
    return replace(config, augment=replace(config.augment, strength=strength))
