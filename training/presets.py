# ruff: noqa: E501 - the table is one line a preset
"""Presets: one aligned table, resolved against the resolution and the number of GPUs."""

from dataclasses import dataclass, replace

from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from torch_utils.errors import ConfigError
from training.augment.config import AdaptiveStrength, AugmentConfig, NoStrength
from training.config import (
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


@dataclass(frozen=True)
class Preset:
    """A row of the table; None means "derived", see `resolve`.

    width: feature maps as a share of StyleGAN2's (channel base 32768); top: their maximum.
    adaptive: whether augmentation starts switched on (ADA).
    lr: for both networks; ema: half-life in kimg; ramp: share of the images seen that bounds it; threads: on the CPU,
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


# fmt: off
# The first six rows: Karras et al. 2020 (StyleGAN2-ADA), table in shared/spec/stylegan.md section 3.3.
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
}
# fmt: on

_STYLEGAN2_CHANNEL_BASE = 32768


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
    automatic_batch = max(min(ranks * min(4096 // resolution, 32), 64), ranks)
    batch = batch or row.batch or automatic_batch
    if batch % ranks:
        raise ConfigError(f"--batch {batch}: cannot be shared by {runtime.ranks_in_words}. Use a multiple of {ranks}.")
    batch_gpu = batch_gpu or batch // ranks
    lr = row.lr or (0.002 if resolution >= 1024 else 0.0025)
    strength = AdaptiveStrength() if row.adaptive else NoStrength()
    generator, discriminator = _networks(row, resolution, group=row.group or min(batch_gpu, 4), on_gpu=gpus > 0)
    return TrainConfig(
        preset=name,
        data=replace(data, mirror=data.mirror or row.mirror),
        generator=generator,
        discriminator=discriminator,
        losses=LossesConfig(
            r1=R1Config(gamma=0.0002 * resolution**2 / batch if row.gamma is None else row.gamma, every=row.r1_every),
            path_length=PathLengthConfig(weight=row.path_length),
            style_mixing=row.mixing,
        ),
        augment=AugmentConfig(pipe=row.augment, strength=strength),
        optimizer=OptimizerConfig(generator_lr=lr, discriminator_lr=lr),
        ema=EmaConfig(half_life_kimg=batch * 10 / 32 if row.ema is None else row.ema, ramp=row.ramp),
        schedule=ScheduleConfig(
            total_kimg=row.kimg,
            batch_size=batch,
            batch_gpu=batch_gpu,
            tick_kimg=row.tick,
            snapshot_ticks=row.snap,
        ),
        runtime=runtime,
    )


def _networks(
    row: Preset, resolution: int, *, group: int, on_gpu: bool
) -> tuple[StyleGAN2GeneratorConfig, StyleGAN2DiscriminatorConfig]:
    """Both networks of a preset; half precision, and the clamp that keeps it finite, on GPUs only."""
    width = row.width or (1.0 if resolution >= 512 else 0.5)
    channel_base = int(width * _STYLEGAN2_CHANNEL_BASE)
    precision, clamp = ("fp16", 256.0) if on_gpu else ("fp32", None)
    generator = StyleGAN2GeneratorConfig(
        z_dim=row.latent,
        w_dim=row.latent,
        mapping_layers=row.mapping,
        channel_base=channel_base,
        channel_max=row.top,
        noise_inputs=row.noise,
        precision=precision,
        clamp=clamp,
    )
    discriminator = StyleGAN2DiscriminatorConfig(
        architecture=row.d_arch,  # type: ignore[arg-type]
        channel_base=channel_base,
        channel_max=row.top,
        minibatch_group=group,
        precision=precision,
        clamp=clamp,
    )
    return generator, discriminator
