"""Layers of StyleGAN1: He's gain in the weights, and how pictures change their size.

Pixels are repeated before a 3x3 convolution, and averaged in squares after one. In large layers the paper fuses the two
into one convolution whose 4x4 kernel is the sum (going up) or the mean (going down) of four shifted copies of the 3x3
one. That is the same function, to the border's last pixel. Here it is one road at all sizes, cheaper than either:
`conv2d_resample` with a box of 2x2 as its filter, whose convolution has nine taps at the lower resolution.
"""

import torch.nn.functional as F
from torch import Tensor

from networks.layers import FullyConnected

HE_GAIN = 2**0.5  # undoes the halving of the variance by the leaky ReLU (He et al. 2015)
SLOPE = 0.2
BLUR_TAPS = (1, 2, 1)
BOX_TAPS = (1, 1)


class HeLinear(FullyConnected):
    """Linear layer and leaky ReLU; the gain stands in the weights and leaves biases unscaled (Karras et al. 2018)."""

    def __init__(self, in_features: int, out_features: int, *, lr_multiplier: float = 1.0):
        super().__init__(in_features, out_features, lr_multiplier=lr_multiplier)
        self.weight_gain *= HE_GAIN

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_features] → [N, out_features]."""
        return F.leaky_relu(super().forward(x), SLOPE)
