"""Both networks as the losses see them: D always looks through the augmentation, G always mixes its styles."""

from dataclasses import dataclass

import torch
from torch import Tensor

from networks.interface import Discriminator, Generator, Noise
from torch_utils import seeds as seeding
from training.augment.draws import Draws
from training.augment.pipeline import AugmentPipe
from training.blur import blurred
from training.data import TrainingData
from training.fade import faded


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A few pictures of one batch, computed together: the unit of randomness, whoever computes it.

    step: number of the batch; first: place of its first picture in the batch; shown: pictures of the run before it.
    """

    seed: int
    step: int
    first: int
    size: int
    shown: int

    def generator(self, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
        """A fresh generator for one purpose within this slice."""
        return seeding.generator(self.seed, purpose, self.step, self.first, device=device)


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """Pictures of G, the styles behind them and the label codes they were asked for."""

    images: Tensor
    ws: Tensor
    w_mean: Tensor  # of the styles before mixing, [w_dim]
    labels: Tensor | None
    seen: Tensor | None = None  # what the batch showed of G's running means, where asked for


@dataclass(kw_only=True)
class Players:
    """G, D, what D looks through, and what the slices draw from.

    lod, blur: of the present phase, see `training.schedule`.
    """

    generator: Generator
    discriminator: Discriminator
    augment: AugmentPipe
    data: TrainingData
    style_mixing: float
    augment_p: float = 0.0
    lod: float = 0.0
    blur: float = 0.0

    def reals(self, part: Slice) -> tuple[Tensor, Tensor | None]:
        """A slice's real pictures, as coarse as G's are in the present phase, and their label codes."""
        images, labels = self.data.reals(part.shown, part.size)
        return faded(images, self.lod), labels

    def fakes(self, part: Slice, purpose: str, size: int | None = None, *, observe: bool = False) -> Fakes:
        """G's pictures for a slice.

        `purpose` keeps the steps' latents apart; `size` takes only the first few; `observe` asks for `Fakes.seen`.
        """
        size = size or part.size
        draw, device = part.generator(f"{purpose} latents"), self.data.device
        labels = self.data.random_codes(size, draw)
        z = torch.randn(2, size, self.generator.z_dim, generator=draw).to(device)
        mapping = self.generator.mapping
        w = mapping.styles(z[0], labels)
        ws = w[:, None].expand(-1, mapping.num_ws, -1)
        if self.style_mixing > 0:
            ws = self._mixed(ws, z[1], labels, draw)
        noise = Noise(mode="random", generators=(part.generator(f"{purpose} noise", device),))
        seen = None
        if observe:
            images, seen = self.generator.observed(ws, noise)
        else:
            images = self.generator.synthesis(ws, noise)
        return Fakes(images=images, ws=ws, w_mean=w.detach().mean(dim=0), labels=labels, seen=seen)

    def _mixed(self, ws: Tensor, z: Tensor, labels: Tensor | None, draw: torch.Generator) -> Tensor:
        """From a random layer on, one style for the whole slice gives way to a second (Karras et al. 2019)."""
        num_ws = ws.shape[1]
        mixes = float(torch.rand([], generator=draw)) < self.style_mixing
        cutoff = int(torch.randint(1, self.generator.active_ws, [], generator=draw)) if mixes else num_ws
        if cutoff == num_ws:
            return ws
        other = self.generator.mapping.styles(z, labels)[:, None].expand(-1, num_ws - cutoff, -1)
        return torch.cat([ws[:, :cutoff], other], dim=1)

    def judge(self, images: Tensor, labels: Tensor | None, part: Slice, purpose: str) -> Tensor:
        """D's logits [n, 1] for blurred and augmented pictures."""
        images = blurred(images, self.blur)
        if self.augment_p > 0:
            # Drawn on the CPU: the same changes on every device, and nothing waits for the GPU.
            draws = Draws(part.generator(f"{purpose} augment"))
            images = self.augment(images, self.augment_p, draws)
        return self.discriminator(images, labels)
