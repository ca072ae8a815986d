# ruff: noqa: E501 - the table is one line a preset
"""Presets: one aligned table, resolved against the resolution and the number of GPUs."""

from dataclasses import dataclass, replace

from torch_utils.errors import ConfigError
from training.augment.config import AdaptiveStrength, AugmentConfig, NoStrength
from training.config import (
    BlurConfig,
    DataConfig,
    EmaConfig,
    LossesConfig,
    OptimizerConfig,
    PathLengthConfig,
    R1Config,
    RuntimeConfig,
    ScheduleConfig,
    TrainConfig,
)
from training.families import FAMILIES, Sizes
from training.growth import GrowthConfig


@dataclass(frozen=True)
class Preset:
    """A row of the table; None means "derived", see `resolve`.

    width: feature maps as a share of StyleGAN2's (channel base 32768); top: their maximum.
    adaptive: whether augmentation starts switched on (ADA).
    family: which networks, see `training.families`; d_arch: D's variant, StyleGAN2's alone.
    gamma: None is 0.0002 · resolution² / batch; gamma_at_256 grows with the resolution's square, whatever the batch.
    lr: for both networks, d_lr for D if it has its own; ema: half-life in kimg; ramp: share of the images seen that bounds it; threads: on the CPU,
    0 for as many as torch takes.
    """

    batch: int | None
    group: int | None
    width: float | None
    top: int
    latent: int
    lr: float | None
    gamma: float | None
    ema: float | None
    ramp: float | None
    mapping: int
    path_length: float
    mixing: float
    d_arch: str
    kimg: float
    augment: str
    mirror: bool
    tick: float
    snap: int
    noise: bool = True
    r1_every: int = 16
    threads: int = 0
    adaptive: bool = True
    family: str = "stylegan2"
    d_lr: float | None = None
    gamma_at_256: float | None = None
    blur: float = 0.0
    grows: bool = False


# fmt: off
# The first six rows: Karras et al. 2020 (StyleGAN2-ADA), table in shared/spec/stylegan.md section 3.3.
# stylegan1: Karras et al. 2019, its section 4; batch 4 a GPU at full resolution. stylegan3: Karras et al. 2021, section 3.5.
# kaokore: `auto` with the augmentations that suit faces, mirrored. demo: measured here, docs/decisions/0004.
PRESETS: dict[str, Preset] = {
    #                     batch group width   top latent lr     gamma ema   ramp  map pl   mix  D         kimg    augment  mirror tick snap
    "auto":       Preset( None, None, None,   512, 512,  None,  None, None, 0.05, 2,  2.0, 0.9, "resnet", 25000,  "bgc",   False, 4.0, 50),
    "stylegan2":  Preset( 32,   4,    1.0,    512, 512,  0.002, 10.0, 10.0, None, 8,  2.0, 0.9, "resnet", 25000,  "bgc",   False, 4.0, 50),
    "paper256":   Preset( 64,   8,    0.5,    512, 512, 0.0025, 1.0,  20.0, None, 8,  2.0, 0.9, "resnet", 25000,  "bgc",   False, 4.0, 50),
    "paper512":   Preset( 64,   8,    1.0,    512, 512, 0.0025, 0.5,  20.0, None, 8,  2.0, 0.9, "resnet", 25000,  "bgc",   False, 4.0, 50),
    "paper1024":  Preset( 32,   4,    1.0,    512, 512,  0.002, 2.0,  10.0, None, 8,  2.0, 0.9, "resnet", 25000,  "bgc",   False, 4.0, 50),
    "cifar":      Preset( 64,   32,   1.0,    512, 512, 0.0025, 0.01, 500., 0.05, 2,  0.0, 0.0, "orig",   100000, "bgc",   False, 4.0, 50),
    "kaokore":    Preset( None, None, None,   512, 512,  None,  None, None, 0.05, 2,  2.0, 0.9, "resnet", 25000,  "faces", True,  4.0, 10),
    "demo":       Preset( 8,    4,    1 / 64, 64,  64,   0.01, 1.0,  2.0,  0.05, 2,  0.0, 0.0, "resnet", 40,     "faces", False, 2.0, 5, noise=False, threads=1, adaptive=False),
    "stylegan1":  Preset( None, 4,    0.5,    512, 512,  0.001, 10.0, 10.0, None, 8,  0.0, 0.9, "plain",  25000,  "bgc",   False, 4.0, 50, r1_every=1, adaptive=False, family="stylegan1", grows=True),
    "stylegan3-t":Preset( 32,   4,    1.0,    512, 512, 0.0025, None, None, 0.05, 2,  0.0, 0.0, "resnet", 25000,  "bgc",   False, 4.0, 50, family="stylegan3-t", d_lr=0.002, gamma_at_256=2.0),
    "stylegan3-r":Preset( 32,   4,    1.0,    512, 512, 0.0025, None, None, 0.05, 2,  0.0, 0.0, "resnet", 25000,  "bgc",   False, 4.0, 50, family="stylegan3-r", d_lr=0.002, gamma_at_256=2.0, blur=10.0),
}
# fmt: on

_STYLEGAN2_CHANNEL_BASE = 32768
# StyleGAN1, by the number of GPUs: pictures a batch at 4x4, 8x8, …; at resolutions beyond the list, 4 a GPU.
_GROWING_BATCHES = {
    1: (128, 128, 128, 64, 32, 16, 8),
    2: (256, 256, 128, 64, 32, 16, 8),
    4: (512, 256, 128, 64, 32, 16),
    8: (512, 256, 128, 64, 32),
}
_GROWING_LR = (1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0)  # at 4x4, 8x8, …


def resolve(
    name: str,
    *,
    data: DataConfig,
    resolution: int,
    gpus: int,
    processes: int = 1,
    batch: int | None = None,
    batch_gpu: int | None = None,
) -> TrainConfig:
    """The full tree of options of a preset.

    Args:
        resolution: of the pictures.
        gpus: number of GPUs over all machines; 0 for the CPU.
        processes: how many share the CPU's work.
        batch, batch_gpu: instead of the preset's; what depends on the batch (γ, EMA) follows.
    Raises:
        ConfigError: no such preset, or a batch that cannot be shared out.
    """
    if name not in PRESETS:
        raise ConfigError(f"--cfg {name}: no such preset. Use one of {', '.join(PRESETS)}.")
    row = PRESETS[name]
    runtime = RuntimeConfig(gpus=gpus, processes=1 if gpus else processes, threads=row.threads)
    ranks = runtime.ranks
    growth = _growth(row, ranks, batch)
    automatic_batch = 4 * ranks if row.grows else max(min(ranks * min(4096 // resolution, 32), 64), ranks)
    batch = batch or row.batch or automatic_batch
    if batch % ranks:
        raise ConfigError(f"--batch {batch}: cannot be shared by {runtime.ranks_in_words}. Use a multiple of {ranks}.")
    batch_gpu = batch_gpu or batch // ranks
    lr = row.lr or (0.002 if resolution >= 1024 else 0.0025)
    strength = AdaptiveStrength() if row.adaptive else NoStrength()
    sizes = _sizes(row, resolution, batch, batch_gpu, on_gpu=gpus > 0)
    generator, discriminator = FAMILIES[row.family](sizes)
    return TrainConfig(
        preset=name,
        data=replace(data, mirror=data.mirror or row.mirror),
        generator=generator,
        discriminator=discriminator,
        losses=LossesConfig(
            r1=R1Config(gamma=_gamma(row, resolution, batch), every=row.r1_every),
            path_length=PathLengthConfig(weight=row.path_length),
            blur=BlurConfig(sigma=row.blur, fade_kimg=batch * 200 / 32),
            style_mixing=row.mixing,
            discriminator_first=row.grows,
        ),
        augment=AugmentConfig(pipe=row.augment, strength=strength),
        optimizer=OptimizerConfig(generator_lr=lr, discriminator_lr=row.d_lr or lr),
        ema=EmaConfig(half_life_kimg=batch * 10 / 32 if row.ema is None else row.ema, ramp=row.ramp),
        schedule=ScheduleConfig(
            total_kimg=row.kimg,
            batch_size=batch,
            batch_gpu=batch_gpu,
            tick_kimg=row.tick,
            snapshot_ticks=row.snap,
        ),
        growth=growth,
        runtime=runtime,
    )


def _sizes(row: Preset, resolution: int, batch: int, batch_gpu: int, *, on_gpu: bool) -> Sizes:
    width = row.width or (1.0 if resolution >= 512 else 0.5)
    return Sizes(
        latent=row.latent,
        mapping=row.mapping,
        channel_base=int(width * _STYLEGAN2_CHANNEL_BASE),
        channel_max=row.top,
        group=row.group or min(batch_gpu, 4),
        batch=batch,
        noise=row.noise,
        d_arch=row.d_arch,
        on_gpu=on_gpu,
    )


def _gamma(row: Preset, resolution: int, batch: int) -> float:
    if row.gamma_at_256 is not None:
        return row.gamma_at_256 * (resolution / 256) ** 2
    return 0.0002 * resolution**2 / batch if row.gamma is None else row.gamma


def _growth(row: Preset, ranks: int, batch: int | None) -> GrowthConfig:
    """Off for networks that do not grow; a batch that is asked for holds at every resolution."""
    if not row.grows:
        return GrowthConfig()
    batches = () if batch else _GROWING_BATCHES.get(ranks, ())
    return GrowthConfig(progressive=True, batch_sizes=batches, lr_factors=_GROWING_LR)
