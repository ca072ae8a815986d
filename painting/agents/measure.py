"""How close an agent comes on pictures it has not seen."""

from collections.abc import Iterator

import torch
from torch import Tensor

from painting.agents.easel import laid
from painting.agents.policy import Policy

PARTS = (0.1, 0.25, 0.5, 1.0)  # of a painting's looks
_AT_ONCE = 256  # paintings: 2,000 held out at 128 pixels, as in the paper's preset, would take tens of gigabytes


@torch.no_grad()
def course(policy: Policy, references: Tensor, background: Tensor) -> Iterator[Tensor]:
    """Paint with the agent on canvases of its own size; the canvases after each look, [B, 3, size, size].

    Args:
        references: RGB in 0…1, [B, 3, size, size].
        background: RGB, [3].
    """
    canvases = background[:, None, None].expand_as(references).clone()
    memory = policy.start(len(references))
    for look in range(policy.steps):
        step = torch.full((len(references),), float(look), device=references.device)
        strokes, memory = policy(canvases, references, step, memory)
        canvases = laid(policy.brush, strokes, canvases)
        yield canvases


def errors(policy: Policy, pictures: Tensor, background: tuple[float, ...]) -> dict[str, float]:
    """Mean squared error over pictures, in the course of a painting: "l2/10 %" … "l2".

    Args:
        pictures: uint8 [B, 3, size, size].
    """
    ends = {max(1, round(part * policy.steps)): part for part in PARTS}
    found: dict[str, float] = {}
    for part in pictures.split(_AT_ONCE):
        references = part.float() / 255
        for look, canvases in enumerate(course(policy, references, torch.tensor(background).to(references)), 1):
            if look in ends:
                name = "l2" if look == policy.steps else f"l2/{ends[look]:.0%}"
                share = len(part) / len(pictures)
                found[name] = found.get(name, 0.0) + share * (canvases - references).pow(2).mean().item()
    return found
