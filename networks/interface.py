"""What every generator and discriminator answers to, and the pictures they are made for."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet, label_dim

NoiseMode = Literal["random", "const", "none"]
Precision = Literal["fp32", "fp16", "bf16"]

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The pictures a network makes or judges: square, `resolution` pixels a side, with these label sets."""

    resolution: int
    channels: int = 3
    label_sets: tuple[LabelSet, ...] = ()

    @property
    def label_dim(self) -> int:
        """Width of the conditioning vector; 0 for an unconditional network."""
        return label_dim(self.label_sets)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Where a synthesis takes its noise inputs from.

    mode: "random" draws new noise, "const" uses the fixed noise saved with the network, "none" switches it off.
    generators: for "random": one generator per picture (a picture then does not depend on its batch) or a single one.
    """

    mode: NoiseMode = "random"
    generators: tuple[torch.Generator, ...] = ()

    def draw(self, batch: int, size: int, device: torch.device) -> Tensor:
        """Standard normal noise, [batch, 1, size, size]."""
        if len(self.generators) <= 1:
            source = self.generators[0] if self.generators else None
            return torch.randn(batch, 1, size, size, device=device, generator=source)
        rows = [torch.randn(1, size, size, device=device, generator=source) for source in self.generators]
        return torch.stack(rows)


class Mapping(nn.Module, ABC):
    """z and labels → styles w."""

    num_ws: int
    w_mean: Tensor

    @abstractmethod
    def styles(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """One style per picture, [N, w_dim]."""

    def track(self, batch_mean: Tensor, decay: float) -> None:
        """Move the running mean of w towards a batch's mean, [w_dim]."""
        with torch.no_grad():
            self.w_mean.copy_(batch_mean.lerp(self.w_mean, decay))

    def forward(
        self, z: Tensor, labels: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """Styles for every layer, [N, num_ws, w_dim], truncated towards the mean in the first `cutoff` layers."""
        ws = self.styles(z, labels)[:, None].expand(-1, self.num_ws, -1)
        return truncate(ws, self.w_mean, psi, cutoff)


def truncate(ws: Tensor, mean: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """Pull styles towards their mean: psi 1 leaves them, 0 gives the mean picture.

    Args:
        ws: [N, layers, w_dim].
        mean: running mean of w, [w_dim].
        cutoff: truncate the first `cutoff` layers only; None truncates all.
    Source: Karras et al. 2019, appendix B.
    """
    if psi == 1:
        return ws
    pulled = mean.lerp(ws, psi)
    return pulled if cutoff is None else torch.cat([pulled[:, :cutoff], ws[:, cutoff:]], dim=1)


class Generator(nn.Module, ABC):
    """z (and labels) → pictures in [-1, 1]."""

    image_spec: ImageSpec
    z_dim: int
    mapping: Mapping

    @property
    def active_ws(self) -> int:
        """How many of the num_ws styles have an effect: the first ones, all of them in a full-grown network."""
        return self.mapping.num_ws

    def grow(self, lod: float) -> None:
        """Draw at a lower resolution, enlarged: `lod` doublings are still to come, a fraction of one is a cross-fade.

        Does nothing in networks that do not grow.
        """

    @abstractmethod
    def synthesis(self, ws: Tensor, noise: Noise) -> Tensor:
        """Styles [N, num_ws, w_dim] → float32 pictures [N, C, R, R]."""

    def observed(self, ws: Tensor, noise: Noise) -> tuple[Tensor, Tensor | None]:
        """Pictures, and what this batch showed of the network's running means, [k], for `track`; None without any."""
        return self.synthesis(ws, noise), None

    def track(self, seen: Tensor) -> None:
        """Move the network's running means towards a whole batch's, [k] as `observed` gave them."""
        raise NotImplementedError(f"{type(self).__name__} has no running means besides that of w")

    @contextmanager
    def transformed(self, matrix: Tensor) -> Iterator[None]:
        """Move and turn what is drawn, in the network's own input, while the block runs.

        Args:
            matrix: [3, 3], of the wanted move; the picture spans [-0.5, 0.5] along either axis.
        Raises:
            ConfigError: the network draws from a constant, which cannot be moved.
        """
        raise ConfigError(f"{type(self).__name__}: has no input that can be moved or turned. Use a StyleGAN3 network.")
        yield  # makes it a generator function, as a context manager has to be

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        *,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise | None = None,
    ) -> Tensor:
        """z [N, z_dim] and labels [N, label_dim] → float32 pictures [N, C, R, R], nominally in [-1, 1]."""
        return self.synthesis(self.mapping(z, labels, psi=psi, cutoff=cutoff), noise or Noise())


class Discriminator(nn.Module, ABC):
    """Pictures (and labels) → logits: positive for real."""

    def grow(self, lod: float) -> None:
        """Look at a lower resolution: `lod` doublings are still to come, a fraction of one is a cross-fade.

        Does nothing in networks that do not grow.
        """

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """float pictures [N, C, R, R] → logits [N, 1]."""

    @abstractmethod
    def stages(self) -> Sequence[nn.Module]:
        """Its layers from the picture inwards; Freeze-D freezes the first few (Mo et al. 2020)."""


def compute_dtype(precision: Precision, resolution: int, top: int, num_low_precision: int, device: torch.device):
    """The type a resolution computes in: reduced in the `num_low_precision` highest ones, on a GPU only."""
    if device.type != "cuda" or resolution <= top >> num_low_precision:
        return torch.float32
    return _DTYPES[precision]
