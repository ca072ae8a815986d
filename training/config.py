"""The options of a training run: one typed, frozen tree, saved in the run and inside every snapshot."""

from dataclasses import dataclass, field
from typing import Literal

from networks.checks import require
from networks.interface import Precision
from networks.stylegan1_discriminator import StyleGAN1DiscriminatorConfig
from networks.stylegan1_generator import StyleGAN1GeneratorConfig
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from networks.stylegan3_generator import StyleGAN3GeneratorConfig
from torch_utils.ops.native import OpsMode
from training.augment.config import AugmentConfig
from training.growth import GrowthConfig
from training.losses.config import BlurConfig, LossesConfig, PathLengthConfig, R1Config

GeneratorConfig = StyleGAN1GeneratorConfig | StyleGAN2GeneratorConfig | StyleGAN3GeneratorConfig
DiscriminatorConfig = StyleGAN1DiscriminatorConfig | StyleGAN2DiscriminatorConfig


_MOST_THREADS = 1024


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures and labels are shown.

    digest: content digest of the archive, filled in when the run starts; a run only goes on with the same content.
    label_sets: label sets to condition on; empty for an unconditional network.
    """

    path: str
    digest: str = ""
    split: str | None = None
    mirror: bool = False
    label_sets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam for both networks, before the correction for lazy regularisation."""

    generator_lr: float = 0.0025
    discriminator_lr: float = 0.0025
    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self):
        for name in ("generator_lr", "discriminator_lr", "epsilon"):
            require(getattr(self, name) > 0, f"optimizer.{name}", getattr(self, name), "Use a positive number.")
        for name in ("beta1", "beta2"):
            require(0 <= getattr(self, name) < 1, f"optimizer.{name}", getattr(self, name), "Use 0 or more, below 1.")


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """Exponential moving average of G: half-life in kimg; `ramp` bounds it by that share of the images seen so far."""

    half_life_kimg: float = 10.0
    ramp: float | None = 0.05

    def __post_init__(self):
        require(self.half_life_kimg >= 0, "ema.half_life_kimg", self.half_life_kimg, "Use 0 (no average) or more.")
        require(self.ramp is None or self.ramp > 0, "ema.ramp", self.ramp, "Use a positive number, or null for none.")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long, how much at a time, how often to report and save.

    batch_size counts pictures over all processes; batch_gpu is the slice computed at once, and the unit of randomness.
    """

    total_kimg: float = 25000.0
    batch_size: int = 32
    batch_gpu: int = 32
    tick_kimg: float = 4.0
    snapshot_ticks: int = 50

    def __post_init__(self):
        for name in ("batch_size", "batch_gpu", "snapshot_ticks"):
            require(getattr(self, name) > 0, f"schedule.{name}", getattr(self, name), "Use a positive number.")
        for name in ("total_kimg", "tick_kimg"):
            value = getattr(self, name)
            require(0.001 <= value <= 1e9, f"schedule.{name}", value, "Use 0.001 (one picture) or more.")
        require(
            self.batch_size % self.batch_gpu == 0,
            "schedule.batch_size",
            self.batch_size,
            f"Use a multiple of schedule.batch_gpu ({self.batch_gpu}), or change --batch-gpu.",
        )

    @property
    def total_images(self) -> int:
        """Real pictures to show in all."""
        return round(self.total_kimg * 1000)

    def ticks(self, images_seen: int) -> int:
        """Whole ticks that an image count holds."""
        return images_seen // round(self.tick_kimg * 1000)


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Start from another run's snapshot; `freeze_discriminator` freezes its first layers (Mo et al. 2020)."""

    snapshot: str | None = None
    freeze_discriminator: int = 0

    def __post_init__(self):
        layers = self.freeze_discriminator
        require(layers >= 0, "transfer.freeze_discriminator", layers, "Use 0 (none) or more.")
        require(
            layers == 0 or self.snapshot is not None,
            "transfer.freeze_discriminator",
            layers,
            "Layers are frozen as another run trained them: give its snapshot with --resume.",
        )


@dataclass(frozen=True, kw_only=True)
class MetricsConfig:
    """Scores during training; never at tick 0.

    every: compute them at every so-many-th snapshot.
    extractor: a torch.export program instead of Inception (see metrics.extractors).
    """

    names: tuple[str, ...] = ()
    every: int = 1
    extractor: str | None = None
    extractor_sha256: str | None = None
    inception_weights: str | None = None

    def __post_init__(self):
        require(self.every >= 1, "metrics.every", self.every, "Use 1 or more.")


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """How the machines are used. threads 0: as many as torch takes by itself; recorded, since results depend on it.

    gpus: over all machines, one process each; 0 is the CPU. processes: how many share the CPU's work.
    ops: which bodies the operators have, see `torch_utils.ops.native.load_ops`.
    timeout: seconds after which a process that the others wait for counts as lost (three times that at first).
    max_restarts: how often a run that a crash has stopped is started again by itself.
    keep: so many of the newest snapshots stay, and the best by each score; 0 keeps all.
    milestone_kimg: every so-many thousand images a snapshot stays in any case; 0 for none.
    """

    seed: int = 0
    gpus: int = 1
    processes: int = 1
    timeout: float = 100.0
    max_restarts: int = 0
    threads: int = 0
    workers: int = 2
    ops: OpsMode = "auto"
    snapshot_parts: Literal["all", "ema"] = "all"
    keep: int = 0
    milestone_kimg: float = 0.0

    def __post_init__(self):
        for name in ("seed", "gpus", "max_restarts", "keep", "milestone_kimg"):
            require(getattr(self, name) >= 0, f"runtime.{name}", getattr(self, name), "Use 0 or more.")
        require(self.processes >= 1, "runtime.processes", self.processes, "Use 1 or more.")
        require(1 <= self.timeout <= 86400, "runtime.timeout", self.timeout, "Use 1 to 86400 seconds.")
        require(0 <= self.threads <= _MOST_THREADS, "runtime.threads", self.threads, f"Use 0 to {_MOST_THREADS}.")
        require(1 <= self.workers <= _MOST_THREADS, "runtime.workers", self.workers, f"Use 1 to {_MOST_THREADS}.")

    @property
    def ranks(self) -> int:
        """Processes that train together: one a GPU, or as many as share the CPU."""
        return self.gpus or self.processes

    @property
    def ranks_in_words(self) -> str:
        """1 GPU, 4 GPUs, 2 processes."""
        noun = "GPU" if self.gpus else "process"
        return f"{self.ranks} {noun}" + ("" if self.ranks == 1 else "s" if self.gpus else "es")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The whole tree."""

    preset: str
    data: DataConfig
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    losses: LossesConfig
    augment: AugmentConfig
    optimizer: OptimizerConfig
    ema: EmaConfig
    schedule: ScheduleConfig
    growth: GrowthConfig = field(default_factory=GrowthConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self):
        ranks = self.runtime.ranks
        slices = self.schedule.batch_size // self.schedule.batch_gpu
        require(
            slices % ranks == 0,
            "schedule.batch_size",
            self.schedule.batch_size,
            f"It cannot be shared by {self.runtime.ranks_in_words} in slices of {self.schedule.batch_gpu}. "
            f"Use a multiple of {ranks * self.schedule.batch_gpu}.",
        )
        group = min(self.discriminator.minibatch_group, self.schedule.batch_gpu)
        require(
            self.schedule.batch_gpu % group == 0,
            "schedule.batch_gpu",
            self.schedule.batch_gpu,
            f"Use a multiple of discriminator.minibatch_group ({group}).",
        )
        for size in self.growth.batch_sizes:
            require(
                size % slices == 0 and (size // slices) % min(group, size // slices) == 0,
                "growth.batch_sizes",
                size,
                f"It cannot be cut into the {slices} slices of a batch, each of whole minibatch groups ({group}). "
                f"Use a multiple of {slices * group}.",
            )


def passes(period: int, before: int, after: int) -> bool:
    """Whether a counter that went from `before` to `after` reached or passed a multiple of `period`."""
    return after // period > before // period


# What a flag may change when a run goes on (DESIGN, Configuration): nothing that alters what was learnt so far.
CHANGEABLE = (
    "schedule.total_kimg",
    "schedule.tick_kimg",
    "schedule.snapshot_ticks",
    "metrics.",
    "runtime.workers",
    "runtime.gpus",
    "runtime.processes",
    "runtime.timeout",
    "runtime.max_restarts",
    "runtime.ops",
    "runtime.snapshot_parts",
    "runtime.keep",
    "runtime.milestone_kimg",
    "data.path",
)

__all__ = [
    "CHANGEABLE",
    "AugmentConfig",
    "BlurConfig",
    "DataConfig",
    "EmaConfig",
    "GrowthConfig",
    "LossesConfig",
    "MetricsConfig",
    "OptimizerConfig",
    "PathLengthConfig",
    "Precision",
    "R1Config",
    "RuntimeConfig",
    "ScheduleConfig",
    "TrainConfig",
    "TransferConfig",
    "passes",
]
