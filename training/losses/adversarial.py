"""The non-saturating logistic loss (Goodfellow et al. 2014) for G and for D."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from training.losses.r1 import r1_penalty
from training.losses.term import TermOutput
from training.players import Players, Slice


def generator_logistic(players: Players, part: Slice) -> TermOutput:
    """softplus(-D(G(z))): G wants its pictures taken for real."""
    fakes = players.fakes(part, "generator")
    logits = players.judge(fakes.images, fakes.labels, part, "generator")
    loss = softplus(-logits).squeeze(1)
    return TermOutput(loss=loss, values={"loss/G": loss.detach()}, w_mean=fakes.w_mean)


def discriminator_logistic(players: Players, part: Slice) -> TermOutput:
    """softplus(D(G(z))) + softplus(-D(x)): D wants reals positive and fakes negative."""
    reals, labels = players.reals(part)
    return _compare(players, part, players.judge(reals, labels, part, "discriminator real"))


@dataclass(frozen=True)
class DiscriminatorWithR1:
    """The same and gamma/2 · |∇D(x)|² in one loss, from one look at the reals: for R1 at every step."""

    gamma: float

    def __call__(self, players: Players, part: Slice) -> TermOutput:
        """One loss per picture, [n]."""
        reals, labels = players.reals(part)
        reals.requires_grad_(True)
        logits = players.judge(reals, labels, part, "discriminator real")
        penalty = r1_penalty(logits, reals)
        output = _compare(players, part, logits)
        values = output.values | {"r1/penalty": penalty.detach()}
        return replace(output, loss=output.loss + penalty * (self.gamma / 2), values=values)


def _compare(players: Players, part: Slice, real_logits: Tensor) -> TermOutput:
    with torch.no_grad():
        fakes = players.fakes(part, "discriminator", observe=True)
    fake_logits = players.judge(fakes.images, fakes.labels, part, "discriminator fake")
    loss = (softplus(fake_logits) + softplus(-real_logits)).squeeze(1)
    signs = real_logits.detach().sign().squeeze(1)
    values = {
        "loss/D": loss.detach(),
        "logits/real": real_logits.detach(),
        "logits/fake": fake_logits.detach(),
        "signs/real": signs,
    }
    return TermOutput(loss=loss, values=values, w_mean=fakes.w_mean, signs=signs, seen=fakes.seen)
