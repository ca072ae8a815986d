"""Pictures painted stroke by stroke: one stroke format, one differentiable rasteriser, and painters on top of it."""
