"""The one way golden numbers are compared: the largest difference against the largest number."""

import numpy as np
import torch


def assert_golden(ours, golden, relative: float = 1e-4) -> None:
    """max|ours - golden| <= relative · max|golden|, shapes equal (scalars too)."""
    ours = ours.detach().cpu().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    golden = np.asarray(golden)
    assert ours.shape == golden.shape, f"shape {ours.shape}, golden {golden.shape}"
    error = float(np.abs(ours - golden).max(initial=0))
    bound = relative * max(float(np.abs(golden).max(initial=0)), 1e-12)
    assert error <= bound, f"differs by {error:.3g}, allowed {bound:.3g}"
