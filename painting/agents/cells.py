"""An agent that proposes a stroke for every cell of finer and finer grids, tries each, and lays the best.

What a proposal would improve is not guessed by a critic: the rasteriser is exact and quick, so each stroke is tried
within its own window. Training makes every proposal improve what it covers; painting takes the ones that improve most
and do not meet, the coarse before the fine. A stroke that would do harm is never laid.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painting.agents.easel import strokes_at_once
from painting.agents.frames import framed
from painting.agents.policy import OPACITIES, Memory, Policy, coordinates
from painting.brushes.brush import Brush, Marks
from painting.canvas import Canvas
from painting.curves import nearest

FRAME, WINDOW = 1.5, 3  # in cells: the square in which a cell's stroke has its points, and what it can mark
_NONE = torch.iinfo(torch.int64).max  # no cell; comes after all others
_FLOOR = 0.003  # squared error a pixel, below which a window counts as painted
_ENDS = ("x0", "y0", "x2", "y2", "start_x", "start_y", "end_x", "end_y")  # columns
_FREEDOM = 0.5  # how far a colour may lie from the mean under the stroke, both ways together


@dataclass(frozen=True)
class Proposals:
    """A stroke for each cell of each picture.

    Attributes:
        strokes: [B, cells, columns].
        gain: by how much each would lower the squared error, summed over pixels and channels, [B, cells].
        share: the same as a share of the error in the window, [B, cells].
    """

    strokes: Tensor
    gain: Tensor
    share: Tensor


class CellPolicy(Policy):
    """See above.

    Args:
        width, widest: channels at half the size, and at most; each halving doubles them.
        finest: pixels of the smallest cells, a power of two.
    """

    def __init__(
        self, brush: Brush, size: int, bundle: int, steps: int, *, width: int = 32, widest: int = 192, finest: int = 4
    ):
        super().__init__(brush, size, bundle, steps)
        self.down, self.heads = nn.ModuleList(), nn.ModuleDict()
        channels, side = 3 + 3 + 3 + 2, size
        while side > 1:
            side //= 2
            halving = nn.Conv2d(channels, width, 4, 2, 1) if side > 1 else nn.Conv2d(channels, width, 2)
            self.down.append(nn.Sequential(halving, nn.ReLU(), _Block(width)))
            channels, width = width, min(2 * width, widest)
            if size // side >= finest:
                self.heads[str(side)] = _head(channels, brush)
        self.grids = sorted(map(int, self.heads))
        self.register_buffer("coordinates", coordinates(size), persistent=False)
        self.register_buffer("meets", _meets(self.grids), persistent=False)

    def propose(self, canvases: Tensor, references: Tensor) -> Proposals:
        """A stroke for every cell, tried on its own, differentiable; canvases and references as in `forward`."""
        x = torch.cat(
            [
                canvases,
                references,
                references - canvases,
                self.get_buffer("coordinates").expand(len(canvases), -1, -1, -1),
            ],
            1,
        )
        found = {}
        for part in self.down:
            x = part(x)
            if (side := x.shape[2]) in self.grids:
                numbers = self.heads[str(side)](x).flatten(2).transpose(1, 2).sigmoid()
                found[side] = self._tried(numbers, side, canvases, references)
        return Proposals(*(torch.cat(parts, 1) for parts in zip(*(found[side] for side in self.grids), strict=True)))

    def choose(self, proposals: Proposals) -> Tensor:
        """The best ones whose cells do not meet, coarse ones first, [B, bundle, columns]; no stroke does harm."""
        left, chosen = proposals.gain.detach().clone(), []
        for _ in range(self.bundle):
            gain, best = left.max(1)
            chosen.append(torch.where(gain > 0, best, _NONE))
            left = left.masked_fill(self.get_buffer("meets")[best], -torch.inf)
        places = torch.stack(chosen, dim=1).sort(dim=1).values  # cells are numbered from coarse to fine
        some = (places != _NONE)[..., None]
        rows = torch.where(some, places[..., None], 0).expand(-1, -1, proposals.strokes.shape[2])
        return proposals.strokes.gather(1, rows) * some

    def forward(self, canvases: Tensor, references: Tensor, step: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        return self.choose(self.propose(canvases, references)), memory

    def _tried(self, numbers: Tensor, side: int, canvases: Tensor, references: Tensor) -> tuple[Tensor, ...]:
        """Strokes, gain and share of one grid's cells, from numbers 0…1 [B, side², columns]."""
        columns, first = self.brush.columns, self.brush.columns.index("red")
        frame = min(1.0, FRAME / side)
        corner = (_cells(side).to(numbers) + 0.5) / side - frame / 2
        strokes = framed(self.brush, numbers, corner, frame)
        alphas = self._opacities(strokes, side)
        windows = _windows(torch.cat([canvases, references, torch.ones_like(canvases[:, :1])], 1), side)
        canvas, reference, inside = windows.split([3, 3, 1], dim=2)
        alphas = alphas * inside[:, :, 0]
        covered = torch.einsum("bnhw,bnchw->bnc", alphas, reference)
        mean = covered / (alphas.sum((2, 3))[..., None] + 1e-3)
        colours = (mean + _FREEDOM * (numbers[..., first : first + 3] - 0.5)).clamp(0, 1)
        before = (canvas - reference).pow(2).sum((2, 3, 4))
        painted = canvas + alphas[:, :, None] * (colours[..., None, None] - canvas)
        gain = before - (painted - reference).pow(2).sum((2, 3, 4))
        share = gain / (before + _FLOOR * alphas.shape[2] * alphas.shape[3])
        parts = [strokes[..., :first], colours, strokes[..., first + 3 : len(columns)]]
        return torch.cat(parts, dim=-1), gain, share

    def _opacities(self, strokes: Tensor, side: int) -> Tensor:
        """Each stroke's opacity in its window, [B, side², h, w]."""
        canvas, flat = Canvas(self.size, self.size), strokes.flatten(0, 1)
        rows, columns = (place.repeat(len(strokes), 1).to(strokes) for place in _pixels(self.size, side))
        points, radii = self.brush.curves(flat, canvas), self.brush.radii(flat, canvas)
        at_once = strokes_at_once(rows.shape[1] ** 2, flat.device)
        alphas = []
        for part in torch.arange(len(flat)).split(at_once):
            own = slice(int(part[0]), int(part[-1]) + 1)
            distance, t = nearest(points[own], radii[own], rows[own], columns[own])
            shown = [pixels.clamp(0.5, self.size - 0.5) for pixels in (rows[own], columns[own])]
            alphas.append(
                self.brush.opacity(
                    flat[own], canvas, Marks(points[own], shown[0], shown[1], distance, t), order="closest"
                )
            )
        return torch.cat(alphas).unflatten(0, strokes.shape[:2])


class _Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norms[0](self.first(x)))
        return F.relu(x + self.norms[1](self.second(inner)))


def _head(channels: int, brush: Brush) -> nn.Conv2d:
    """Begins with strokes of all directions that are almost opaque."""
    head, bias = nn.Conv2d(channels, len(brush.columns), 1), torch.zeros(len(brush.columns))
    nn.init.normal_(head.weight, std=0.02)
    for place, name in enumerate(brush.columns):
        if name in OPACITIES:
            bias[place] = 1.5
        if name in _ENDS:
            bias[place] = 0.5 * torch.randn(())
    head.bias = nn.Parameter(bias)
    return head


def _cells(side: int) -> Tensor:
    """Row and column of each cell of a grid, [side², 2]."""
    line = torch.arange(side)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).reshape(-1, 2)


def _pixels(size: int, side: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pixel centres of each cell's window, [side², h] and [side², w]; some lie outside."""
    if side == 1:
        line = torch.arange(size)[None] + 0.5
        return line, line
    cell = size // side
    starts = (_cells(side) - WINDOW // 2) * cell
    rows, columns = (starts[:, axis, None] + torch.arange(WINDOW * cell) + 0.5 for axis in (0, 1))
    return rows, columns


def _windows(pictures: Tensor, side: int) -> Tensor:
    """The window of each cell, zero outside the picture: [B, C, size, size] → [B, side², C, h, w]."""
    if side == 1:
        return pictures[:, None]
    cell = pictures.shape[2] // side
    unfolded = F.unfold(pictures, WINDOW * cell, stride=cell, padding=(WINDOW // 2) * cell)
    return unfolded.transpose(1, 2).unflatten(2, (pictures.shape[1], WINDOW * cell, WINDOW * cell))


def _meets(grids: list[int]) -> Tensor:
    """Which cells share some area, each with itself, bool [cells, cells]; from coarse grids to fine ones."""
    low = torch.cat([_cells(side) / side for side in grids])
    high = torch.cat([(_cells(side) + 1) / side for side in grids])
    reaches = (low[:, None] < high[None] - 1e-6) & (high[:, None] > low[None] + 1e-6)
    return reaches.all(-1)
