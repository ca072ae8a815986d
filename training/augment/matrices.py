"""Affine matrices of the plane, one per picture: [N] numbers in, [N, 3, 3] out."""

import torch
from torch import Tensor


def identity(count: int, device: torch.device) -> Tensor:
    """[N, 3, 3]."""
    return torch.eye(3, device=device).expand(count, 3, 3)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Multiply coordinates by (x, y)."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _stack([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Add (x, y) to coordinates."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _stack([[one, zero, x], [zero, one, y], [zero, zero, one]])


def rotation(angle: Tensor) -> Tensor:
    """Turn coordinates by `angle` radians, from the first axis towards the second."""
    zero, one, cos, sin = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return _stack([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def _stack(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
