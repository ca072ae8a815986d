"""Everything that training changes, and nothing else: what a checkpoint must hold."""

import copy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dataset.sampler import Sampler
from networks.checks import require
from networks.growth import Growing
from networks.interface import Discriminator, Generator, ImageSpec
from torch_utils import seeds as seeding
from training.augment.adaptive import adjust
from training.augment.config import AdaptiveStrength, FixedStrength
from training.augment.pipeline import AugmentPipe
from training.config import TrainConfig
from training.data import TrainingData
from training.losses.adversarial import DiscriminatorWithR1, discriminator_logistic, generator_logistic
from training.losses.path_length import PathLength
from training.losses.r1 import R1
from training.players import Players
from training.schedule import Phase, phase_at
from training.skips import Skips
from training.step import Step, StepResult, absorb


@dataclass(kw_only=True)
class TrainingState:
    """Networks, optimisers, running means, augmentation strength and the two counters."""

    config: TrainConfig
    players: Players
    ema: Generator
    generator_adam: torch.optim.Adam
    discriminator_adam: torch.optim.Adam
    path_mean: Tensor
    images_seen: int = 0
    batches_done: int = 0
    steps_skipped: int = 0
    sign_sum: float = 0.0  # of D at reals since p was last adjusted
    sign_count: int = 0
    skips: Skips = field(default_factory=Skips)
    active_resolution: int = 0  # of the phase last entered; 0 before the first
    rollbacks: int = 0  # how often the run went back to an older checkpoint; each time it takes another seed
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def build(cls, config: TrainConfig, data: TrainingData, device: torch.device) -> "TrainingState":
        """Fresh networks, initialised from the seed alone."""
        spec = ImageSpec(resolution=data.resolution, channels=data.pictures.shape[1], label_sets=data.label_sets)
        generator, discriminator = _networks(config, spec, device)
        players = Players(
            generator=generator,
            discriminator=discriminator,
            augment=AugmentPipe(config.augment).to(device),
            data=data,
            style_mixing=config.losses.style_mixing,
            augment_p=start_p(config),
        )
        lazy_g = config.losses.path_length.every if config.losses.path_length.weight else None
        lazy_d = config.losses.r1.every if config.losses.r1.gamma and config.losses.r1.every > 1 else None
        state = cls(
            config=config,
            players=players,
            ema=copy.deepcopy(generator).eval(),
            generator_adam=_adam(config, generator, config.optimizer.generator_lr, lazy_g),
            discriminator_adam=_adam(config, discriminator, config.optimizer.discriminator_lr, lazy_d),
            path_mean=torch.zeros([], device=device),
        )
        state.steps = state._steps()
        return state

    def _steps(self) -> list[Step]:
        """G, path length, D, R1: the order of Karras et al. 2020; or D's first, that of 2019."""
        losses, players = self.config.losses, self.players
        g, d = (players.generator, self.generator_adam), (players.discriminator, self.discriminator_adam)
        of_g = [Step(name="G", network=g[0], optimizer=g[1], term=generator_logistic)]
        if losses.path_length.weight:
            term = PathLength(losses.path_length, self.path_mean)
            every = losses.path_length.every
            of_g.append(Step(name="path length", network=g[0], optimizer=g[1], term=term, every=every))
        joined = losses.r1.gamma > 0 and losses.r1.every == 1
        adversarial = DiscriminatorWithR1(losses.r1.gamma) if joined else discriminator_logistic
        of_d = [Step(name="D", network=d[0], optimizer=d[1], term=adversarial)]
        if losses.r1.gamma and not joined:
            term = R1(losses.r1.gamma)
            of_d.append(Step(name="R1", network=d[0], optimizer=d[1], term=term, every=losses.r1.every))
        return of_d + of_g if losses.discriminator_first else of_g + of_d

    @property
    def phase(self) -> Phase:
        """Of the next batch."""
        return phase_at(self.config, self.players.data.resolution, self.images_seen)

    def enter_phase(self) -> Phase:
        """Make networks, optimisers and what D sees those of the next batch.

        Where other blocks take part than before, the optimisers forget what they know (Karras et al. 2018).
        """
        phase, players = self.phase, self.players
        for network in (players.generator, players.discriminator, self.ema):
            network.grow(phase.lod)
        players.lod, players.blur = phase.lod, phase.blur
        for optimizer in (self.generator_adam, self.discriminator_adam):
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * phase.lr_factor
            if self.active_resolution not in (0, phase.resolution):
                optimizer.state.clear()
        self.active_resolution = phase.resolution
        return phase

    @property
    def seed(self) -> int:
        """Of the data's order and of everything drawn while training."""
        seed = self.config.runtime.seed
        return seeding.derive(seed, "rollback", self.rollbacks) if self.rollbacks else seed

    def reseed(self) -> None:
        """Have the data follow the seed after `rollbacks` has changed."""
        data = self.players.data
        if data.sampler.seed != self.seed:
            sampler = Sampler(data.sampler.count, seed=self.seed, mirror=data.sampler.mirror)
            self.players.data = replace(data, sampler=sampler)

    def absorb(self, result: StepResult) -> None:
        """Take over what a step saw: running means, signs for the adaptive augmentation; nothing of a skipped step."""
        if not result.finite:
            self.steps_skipped += 1
            return
        decays = self.config.generator.w_mean_decay, self.config.losses.path_length.decay
        absorb(result, self.players.generator, decays[0], self.path_mean, decays[1])
        self.sign_sum += result.sign_sum
        self.sign_count += result.sign_count

    def advance(self) -> None:
        """After all steps of a batch: moving average, counters, augmentation strength."""
        batch = self.phase.batch_size
        self._update_ema(batch)
        self.images_seen += batch
        self.batches_done += 1
        strength = self.config.augment.strength
        if isinstance(strength, AdaptiveStrength) and self.batches_done % strength.every == 0:
            images = batch * strength.every
            mean_sign = self.sign_sum / max(self.sign_count, 1)
            self.players.augment_p = adjust(self.players.augment_p, mean_sign, strength, images)
            self.sign_sum, self.sign_count = 0.0, 0

    @torch.no_grad()
    def _update_ema(self, batch: int) -> None:
        decay = ema_decay(self.config, self.images_seen, batch)
        pairs = zip(self.ema.parameters(), self.players.generator.parameters(), strict=True)
        average, current = map(list, zip(*pairs, strict=True))
        get_ema_multi_avg_fn(decay)(average, current, 0)  # one fused pass over all tensors
        for kept, fresh in zip(self.ema.buffers(), self.players.generator.buffers(), strict=True):
            kept.copy_(fresh)


def ema_decay(config: TrainConfig, images_seen: int, batch: int) -> float:
    """Decay of the moving average at a batch of so many pictures.

    Half is forgotten after `half_life_kimg`, or the ramp's share of the images seen if that is less.
    """
    half_life = config.ema.half_life_kimg * 1000
    if config.ema.ramp is not None and config.transfer.snapshot is None:
        half_life = min(half_life, images_seen * config.ema.ramp)
    return 0.5 ** (batch / max(half_life, 1e-8))


def start_p(config: TrainConfig) -> float:
    """Augmentation probability at the start of a run."""
    strength = config.augment.strength
    if isinstance(strength, FixedStrength):
        return strength.p
    return strength.start_p if isinstance(strength, AdaptiveStrength) else 0.0


def _networks(config: TrainConfig, spec: ImageSpec, device: torch.device) -> tuple[Generator, Discriminator]:
    """Both networks on the CPU's random numbers, then on the device: the same weights everywhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeding.derive(config.runtime.seed, "generator weights"))
        generator = config.generator.build(spec)
        torch.manual_seed(seeding.derive(config.runtime.seed, "discriminator weights"))
        discriminator = config.discriminator.build(spec)
    require(
        isinstance(generator, Growing) or not config.growth.progressive,
        "growth.progressive",
        "true",
        f"A {config.generator.kind} generator does not grow. Use --cfg stylegan1.",
    )
    stages, frozen = discriminator.stages(), config.transfer.freeze_discriminator
    require(
        frozen < len(stages),
        "transfer.freeze_discriminator",
        frozen,
        f"D has {len(stages)} layers; leave some to train.",
    )
    for stage in stages[:frozen]:
        for parameter in stage.parameters():
            parameter.frozen = True  # type: ignore[attr-defined]
    return generator.requires_grad_(False).to(device), discriminator.requires_grad_(False).to(device)


def _adam(config: TrainConfig, network: torch.nn.Module, lr: float, lazy_every: int | None) -> torch.optim.Adam:
    """Adam, slowed to make up for the extra steps of a lazy term: c = k / (k + 1) (Karras et al. 2020, appendix B)."""
    c = 1.0 if lazy_every is None else lazy_every / (lazy_every + 1)
    options = config.optimizer
    trained = [p for p in network.parameters() if not getattr(p, "frozen", False)]
    betas = (options.beta1**c, options.beta2**c)
    groups = [{"params": trained, "base_lr": lr * c}]  # phases scale it
    return torch.optim.Adam(groups, lr=lr * c, betas=betas, eps=options.epsilon, fused=True)
