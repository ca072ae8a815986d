"""Applying matrices to pictures: reflect, enlarge, warp, shrink, so that nothing aliases and no edge shows."""

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_utils.ops.upfirdn2d import downsample2d, upsample2d
from torch_utils.ops.warp import warp
from training.augment.rows import change_rows


def apply_geometry(images: Tensor, matrices: Tensor, taps: Tensor) -> Tensor:
    """Warp pictures at twice their size, once for all geometric changes together.

    Pictures whose matrix is the identity are left exactly as they are, without work.

    Args:
        images: [N, C, H, W].
        matrices: [N, 3, 3], from output to input pixels, origin at the picture's centre. On a GPU they are copied to
            the CPU once, because the margin decides sizes; matrices already on the CPU cost no wait.
        taps: low-pass filter for the enlarging and shrinking, 1D, orthonormal (sym6), sum 1.
    Source: Karras et al. 2020 (ADA), appendix B.
    """
    matrices = matrices.cpu()
    changed = (matrices != torch.eye(3)).flatten(1).any(1)
    return change_rows(images, changed, lambda some, rows: _resample(some, matrices[rows], taps))


def margins(matrices: Tensor, size: tuple[int, int], reach: int) -> list[int]:
    """Pixels to reflect outside the picture: [left, top, right, bottom].

    Enough for every output pixel of the batch and `reach` pixels of filter around it, less than the picture itself.
    """
    height, width = size
    edge = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    corners = torch.tensor([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * edge[:, None]
    seen = matrices[:, :2, :2] @ corners + matrices[:, :2, 2:]  # [N, 2, 4]
    outside = torch.cat([-seen.amin((0, 2)), seen.amax((0, 2))]) + (reach - edge).repeat(2)
    largest = torch.tensor([width - 1, height - 1] * 2)
    return outside.ceil().clamp(min=0).minimum(largest).int().tolist()


def reflect_pad(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Mirror pictures at their edges, as often as it takes where the padding exceeds the picture."""
    while left or right or top or bottom:
        height, width = x.shape[2] - 1, x.shape[3] - 1
        step = [min(left, width), min(right, width), min(top, height), min(bottom, height)]
        x = F.pad(x, step, mode="reflect")
        left, right, top, bottom = left - step[0], right - step[1], top - step[2], bottom - step[3]
    return x


def _resample(images: Tensor, matrices: Tensor, taps: Tensor) -> Tensor:
    height, width = images.shape[2:]
    border = taps.shape[0] // 4  # of output that the shrinking filter needs at each side
    left, top, right, bottom = margins(matrices, (height, width), 2 * border)
    x = upsample2d(reflect_pad(images, left, right, top, bottom), taps)
    # Pixels of the picture → pixels of the reflected and enlarged one.
    matrices = _translate((left - right) / 2, (top - bottom) / 2) @ matrices
    matrices = _scale(2, 2) @ matrices @ _scale(0.5, 0.5)
    matrices = _translate(-0.5, -0.5) @ matrices @ _translate(0.5, 0.5)  # the even filters sit between pixels
    # Pixels → -1…1 from edge to edge.
    size = 2 * (height + 2 * border), 2 * (width + 2 * border)
    matrices = _scale(2 / x.shape[3], 2 / x.shape[2]) @ matrices @ _scale(size[1] / 2, size[0] / 2)
    x = warp(x, matrices[:, :2].to(x.device, x.dtype, non_blocking=True), size)
    return downsample2d(x, taps, padding=-2 * border, flip=True)


def _translate(x: float, y: float) -> Tensor:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _scale(x: float, y: float) -> Tensor:
    return torch.tensor([[x, 0, 0], [0, y, 0], [0, 0, 1]], dtype=torch.float32)
