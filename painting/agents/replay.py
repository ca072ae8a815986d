"""What was painted before, to learn from again: canvases before a look and the strokes said, no canvas after it.

The canvas after a look is drawn again from the strokes, which is exact, so a transition takes 49 KB at 128 pixels
instead of twice as many, and all of them can lie on the GPU.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from painting.agents.sittings import Sittings

_NAMES = ("canvases", "strokes", "which", "mirrored", "step")


@dataclass(frozen=True)
class Looks:
    """Looks taken from the replay: canvases uint8 [B, 3, size, size], strokes [B, bundle, columns], and of each the
    reference, whether it is mirrored, and how many looks there were before."""

    canvases: Tensor
    strokes: Tensor
    which: Tensor
    mirrored: Tensor
    step: Tensor


class Replay:
    """The last `capacity` looks, the oldest overwritten first."""

    def __init__(self, capacity: int):
        self._capacity, self._place, self._filled = capacity, 0, 0
        self._kept: Looks | None = None

    def __len__(self) -> int:
        return self._filled

    def add(self, sittings: Sittings, strokes: Tensor) -> None:
        """Note a look at every sitting, before these go on."""
        new = Looks(
            quantised(sittings.canvases),
            strokes.detach(),
            sittings.which.to(strokes.device),
            sittings.mirrored.to(strokes.device),
            sittings.step,
        )
        if self._kept is None:
            self._kept = Looks(*(part.new_zeros(self._capacity, *part.shape[1:]) for part in vars(new).values()))
        places = (self._place + torch.arange(len(strokes), device=strokes.device)) % self._capacity
        for name in _NAMES:
            getattr(self._kept, name)[places] = getattr(new, name)
        self._place = (self._place + len(strokes)) % self._capacity
        self._filled = min(self._capacity, self._filled + len(strokes))

    def draw(self, count: int) -> Looks:
        """Looks at random, by torch's own generator, with repetition."""
        assert self._kept is not None
        rows = torch.randint(self._filled, (count,)).to(self._kept.step.device)
        return Looks(*(getattr(self._kept, name)[rows] for name in _NAMES))

    def contents(self) -> dict[str, Any]:
        kept = {} if self._kept is None else {name: getattr(self._kept, name)[: self._filled] for name in _NAMES}
        return {"kept": kept, "place": self._place}

    def fill(self, contents: dict[str, Any], device: torch.device) -> None:
        """Put what `contents` gave into this."""
        kept = contents["kept"]
        self._place, self._filled, self._kept = contents["place"], 0, None
        if kept:
            self._filled = len(kept["step"])
            parts = [kept[name].to(device) for name in _NAMES]
            self._kept = Looks(*(part.new_zeros(self._capacity, *part.shape[1:]) for part in parts))
            for name, part in zip(_NAMES, parts, strict=True):
                getattr(self._kept, name)[: self._filled] = part


def quantised(canvases: Tensor) -> Tensor:
    """RGB in 0…1 → uint8, to the nearest."""
    return (canvases * 255).round().clamp(0, 255).to(torch.uint8)


def dequantised(canvases: Tensor) -> Tensor:
    """uint8 → RGB in 0…1."""
    return canvases.float() / 255
