"""The non-saturating logistic loss (Goodfellow et al. 2014) for G and for D."""

import torch
from torch.nn.functional import softplus

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
    with torch.no_grad():
        fakes = players.fakes(part, "discriminator")
    reals, labels = players.data.reals(part.shown, part.size)
    fake_logits = players.judge(fakes.images, fakes.labels, part, "discriminator fake")
    real_logits = players.judge(reals, labels, part, "discriminator real")
    loss = (softplus(fake_logits) + softplus(-real_logits)).squeeze(1)
    signs = real_logits.detach().sign().squeeze(1)
    values = {
        "loss/D": loss.detach(),
        "logits/real": real_logits.detach(),
        "logits/fake": fake_logits.detach(),
        "signs/real": signs,
    }
    return TermOutput(loss=loss, values=values, w_mean=fakes.w_mean, signs=signs)
