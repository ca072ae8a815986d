"""StyleGAN3's first layer: sine waves on the plane, turned and shifted by the style and by the user."""

import math

import torch
from torch import Tensor, nn

from networks.layers import FullyConnected


class FourierInput(nn.Module):
    """A picture of fixed random waves, mixed to channels: it has no borders, so it can be moved and turned exactly.

    Args:
        size: pixels along a side, margin included.
        rate: pixels along a side of the picture, margin excluded.
        bandwidth: highest frequency, in waves per side of the picture.
    Source: Karras et al. 2021 (StyleGAN3), section 3.1 and appendix F.
    """

    transform: Tensor
    frequencies: Tensor
    phases: Tensor

    def __init__(self, channels: int, *, w_dim: int, size: int, rate: int, bandwidth: float):
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        radius = bandwidth * torch.rand(channels, 1).sqrt()  # uniform over the disc
        angle = 2 * math.pi * torch.rand(channels, 1)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnected(w_dim, 4)  # the style's own move: cosine, sine, x, y
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer("transform", torch.eye(3))  # inverse of the user's, in units of the picture's side
        self.register_buffer("frequencies", radius * torch.cat([angle.cos(), angle.sin()], dim=1))
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        """w [N, w_dim] → [N, channels, size, size], float32."""
        move = self._style_transform(w) @ self.transform  # [N, 3, 3]
        frequencies = self.frequencies @ move[:, :2, :2]  # [N, channels, 2]
        phases = self.phases + (self.frequencies @ move[:, :2, 2:]).squeeze(2)
        waves = self._waves(frequencies, phases) * self._amplitudes(frequencies)[:, :, None, None]
        return (self.weight / len(self.weight) ** 0.5 @ waves.flatten(2)).unflatten(2, waves.shape[2:])

    def _style_transform(self, w: Tensor) -> Tensor:
        """The inverse of the turn and shift that a style asks for, [N, 3, 3]."""
        asked = self.affine(w.to(self.weight.dtype))
        asked = asked / asked[:, :2].norm(dim=1, keepdim=True)
        cosine, sine, x, y = asked.unbind(1)
        one, zero = torch.ones_like(x), torch.zeros_like(x)
        turn = torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], dim=1)
        shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1)
        return turn.unflatten(1, (3, 3)) @ shift.unflatten(1, (3, 3))

    def _amplitudes(self, frequencies: Tensor) -> Tensor:
        """Waves that a move takes out of the band fade out before they reach what the grid can hold; [N, channels]."""
        beyond = (frequencies.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)
        return (1 - beyond).clamp(0, 1)

    def _waves(self, frequencies: Tensor, phases: Tensor) -> Tensor:
        """sin 2π(f·p + phase) over the plane, [N, channels, size, size].

        sin(a + b) from the sines and cosines along either axis: 2 · size of them in place of size².
        """
        place = (torch.arange(self.size, device=phases.device) + 0.5 - self.size / 2) / self.rate
        along_x = 2 * math.pi * (frequencies[:, :, :1] * place + phases[:, :, None])
        along_y = 2 * math.pi * frequencies[:, :, 1:] * place
        sine_x, cosine_x = along_x.sin()[:, :, None], along_x.cos()[:, :, None]
        sine_y, cosine_y = along_y.sin()[:, :, :, None], along_y.cos()[:, :, :, None]
        return torch.addcmul(sine_x * cosine_y, cosine_x, sine_y)
