"""Options of the loss terms."""

from dataclasses import dataclass, field

from networks.checks import require


@dataclass(frozen=True, kw_only=True)
class R1Config:
    """gamma/2 · |gradient of D at reals|², every so many batches (Mescheder et al. 2018; lazy: Karras et al. 2020).

    every 1: part of D's own loss; more: a step of its own.
    """

    gamma: float = 1.0
    every: int = 16

    def __post_init__(self):
        require(self.gamma >= 0, "losses.r1.gamma", self.gamma, "Use 0 (off) or more.")
        require(self.every >= 1, "losses.r1.every", self.every, "Use 1 or more.")


@dataclass(frozen=True, kw_only=True)
class PathLengthConfig:
    """Path-length regularisation of G (Karras et al. 2020); weight 0 switches it off."""

    weight: float = 2.0
    every: int = 4
    decay: float = 0.01
    batch_shrink: int = 2

    def __post_init__(self):
        require(self.weight >= 0, "losses.path_length.weight", self.weight, "Use 0 (off) or more.")
        require(self.every >= 1, "losses.path_length.every", self.every, "Use 1 or more.")
        require(0 < self.decay <= 1, "losses.path_length.decay", self.decay, "Use a share above 0, up to 1.")
        require(self.batch_shrink >= 1, "losses.path_length.batch_shrink", self.batch_shrink, "Use 1 or more.")


@dataclass(frozen=True, kw_only=True)
class BlurConfig:
    """A Gaussian that D sees everything through at first: `sigma` pixels, fading to none over `fade_kimg`.

    Source: Karras et al. 2021 (StyleGAN3), for the rotation-equivariant generator.
    """

    sigma: float = 0.0
    fade_kimg: float = 200.0

    def __post_init__(self):
        require(0 <= self.sigma <= 100, "losses.blur.sigma", self.sigma, "Use 0 (off) to 100 pixels.")
        require(self.fade_kimg >= 0.001, "losses.blur.fade_kimg", self.fade_kimg, "Use 0.001 or more.")

    def at(self, images_seen: int) -> float:
        """Deviation in pixels after so many images."""
        return self.sigma * max(1 - images_seen / (self.fade_kimg * 1000), 0.0)


@dataclass(frozen=True, kw_only=True)
class LossesConfig:
    """The terms both networks are trained with; the adversarial one is the non-saturating logistic loss.

    discriminator_first: D's steps before G's, as in StyleGAN1.
    """

    r1: R1Config = field(default_factory=R1Config)
    path_length: PathLengthConfig = field(default_factory=PathLengthConfig)
    blur: BlurConfig = field(default_factory=BlurConfig)
    style_mixing: float = 0.9  # probability that a picture mixes two styles (Karras et al. 2019)
    discriminator_first: bool = False

    def __post_init__(self):
        require(0 <= self.style_mixing <= 1, "losses.style_mixing", self.style_mixing, "Use a probability, 0 to 1.")
