"""Path-length regularisation: a step in w should move the picture equally far everywhere (Karras et al. 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.losses.config import PathLengthConfig
from training.losses.term import TermOutput
from training.players import Players, Slice


@dataclass
class PathLength:
    """weight · (|Jᵀy| - a)², y Gaussian pictures, a the running mean of the lengths."""

    config: PathLengthConfig
    running_mean: Tensor  # scalar, part of the training state

    def __call__(self, players: Players, part: Slice) -> TermOutput:
        """One penalty per picture, [n / batch_shrink]."""
        size = max(part.size // self.config.batch_shrink, 1)
        fakes = players.fakes(part, "path length", size)
        draw = part.generator("path length directions", fakes.images.device)
        directions = torch.randn(fakes.images.shape, generator=draw, device=fakes.images.device)
        lengths = path_lengths(fakes.images, fakes.ws, directions)
        # The mean already holds this slice's lengths; the state takes over the whole batch's after the step.
        mean = self.running_mean.lerp(lengths.mean(), self.config.decay)
        penalty = (lengths - mean).square()
        return TermOutput(
            loss=penalty * self.config.weight,
            values={"path_length/penalty": penalty.detach(), "path_length/mean": lengths.detach()},
            w_mean=fakes.w_mean,
            path_lengths=lengths.detach(),
        )


def path_lengths(images: Tensor, ws: Tensor, directions: Tensor) -> Tensor:
    """|Jᵀy| for each picture, root mean square over layers.

    Args:
        images: [N, C, R, R], computed from ws.
        ws: [N, layers, w_dim].
        directions: standard normal, like images; scaled here by 1/R so that lengths do not grow with resolution.
    Returns:
        [N]
    """
    scaled = directions / (images.shape[2] * images.shape[3]) ** 0.5
    (gradient,) = torch.autograd.grad((images * scaled).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
