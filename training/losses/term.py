"""What a loss term is."""

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from training.players import Players, Slice


@dataclass(frozen=True, kw_only=True)
class TermOutput:
    """loss: [n], its mean over the batch is minimised. values: to report, any shape, averaged over the tick.

    w_mean: batch mean of w seen, for the running mean. path_lengths: for their running mean. signs: of D at reals.
    seen: for G's running means, see `networks.interface.Generator.observed`.
    """

    loss: Tensor
    values: dict[str, Tensor] = field(default_factory=dict)
    w_mean: Tensor | None = None
    path_lengths: Tensor | None = None
    seen: Tensor | None = None
    signs: Tensor | None = None


class Term(Protocol):
    """A loss term: a function of the players and a slice of the batch."""

    def __call__(self, players: Players, part: Slice, /) -> TermOutput: ...
