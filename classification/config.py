"""What can be set of a classifier's training: one tree of frozen dataclasses, saved in the run and in its snapshot."""

from dataclasses import dataclass, field
from typing import Literal

from torch_utils.errors import ConfigError

SplitBy = Literal["official", "holdout", "book"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures and which question.

    Attributes:
        path: the archive, as it was given.
        label: name of the label set.
        split_by: official: train, dev and test of the archive. holdout: dev and test drawn from its train split (or
            from all, where it has none), class by class. book: no book is on two sides.
        split_seed: of holdout and book.
        shuffle_labels: train on labels dealt out at random: a control that must end at chance.
    """

    path: str = ""
    label: str = ""
    split_by: SplitBy = "official"
    split_seed: int = 0
    shuffle_labels: bool = False


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Which network, and where it begins.

    Attributes:
        model: torchvision's name.
        weights: "none", "imagenet" (torchvision's download), or a file.
        train: all: every weight. head: the last layer alone, on features computed once, without augmentation.
        size: side of what the network sees in pixels; None takes the model's own (224, Inception 299).
    """

    model: str = "resnet18"
    weights: str = "imagenet"
    train: Literal["all", "head"] = "all"
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How training pictures are varied.

    Attributes:
        smallest_crop: least share of the area that a random crop keeps; 1 leaves the picture whole.
        flip: left to right, every second time.
        policy: torchvision's TrivialAugment (wide) or RandAugment on top.
    """

    smallest_crop: float = 0.08
    flip: bool = True
    policy: Literal["none", "trivial", "rand"] = "none"

    def __post_init__(self) -> None:
        if not 0 < self.smallest_crop <= 1:
            raise ConfigError(f"augment.smallest_crop: {self.smallest_crop} is not above 0 and up to 1. Use 0.08.")


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    lr: float = 1e-4


@dataclass(frozen=True, kw_only=True)
class AdamWConfig:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    lr: float = 5e-4
    weight_decay: float = 0.05


@dataclass(frozen=True, kw_only=True)
class CrossEntropyConfig:
    """-log p of the right class."""

    kind: Literal["cross_entropy"] = "cross_entropy"


@dataclass(frozen=True, kw_only=True)
class GeneralisedConfig:
    """(1 - p^q) / q of the right class: between cross-entropy (q → 0) and absolute error (q = 1), less led by wrong
    labels than the former (Zhang and Sabuncu 2018)."""

    kind: Literal["generalised"] = "generalised"
    q: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.q <= 1:
            raise ConfigError(f"loss.q: {self.q} is not above 0 and up to 1. Use 0.7.")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long, and how the learning rate moves.

    Attributes:
        epochs: at most.
        patience: stop after so many epochs without a better dev accuracy.
        rate: constant, or a cosine down to 0 over all epochs after a linear warm-up.
        warmup: share of all steps.
    """

    epochs: int = 100
    patience: int = 10
    rate: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.05

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise ConfigError(f"schedule: {self.epochs} epochs with patience {self.patience}. Use 1 or more of each.")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"schedule.warmup: {self.warmup} is not from 0 up to 1. Use 0.05.")


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """How, on a GPU; the CPU computes in fp32.

    Attributes:
        precision: auto: bf16 where the GPU has it.
        compile: torch.compile the network.
    """

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """Everything.

    Attributes:
        ema: decay of the weights' moving average a step, which is what is then used; 0 for none.
    """

    preset: str = "paper"
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: AdamConfig | AdamWConfig = field(default_factory=AdamConfig)
    loss: CrossEntropyConfig | GeneralisedConfig = field(default_factory=CrossEntropyConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    ema: float = 0.0
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ConfigError(f"batch_size: {self.batch_size} is too small for batch normalisation. Use 2 or more.")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema: {self.ema} is not from 0 up to 1. Use 0.999, or 0 for none.")


MAY_CHANGE = ("schedule.epochs", "schedule.patience", "data.path")  # when a run goes on
