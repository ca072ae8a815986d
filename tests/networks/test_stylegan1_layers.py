import torch
import torch.nn.functional as F

from networks.layers import Conv
from networks.stylegan1_layers import BOX_TAPS, HeLinear


def four_copies(weight: torch.Tensor) -> torch.Tensor:
    """Sum of a 3x3 kernel's four copies, shifted within 4x4."""
    return sum(F.pad(weight, (right, 1 - right, down, 1 - down)) for right in (0, 1) for down in (0, 1))


def test_enlarging_convolution_is_repeated_pixels_and_the_papers_fused_one():
    conv, x = Conv(3, 5, 3, up=2, bias=False, taps=BOX_TAPS), torch.randn(2, 3, 6, 6)
    kernel = conv.weight.flip([2, 3]) * conv.weight_gain  # turned, see Conv
    repeated = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)
    fused = F.conv_transpose2d(x, four_copies(kernel).flip([2, 3]).transpose(0, 1), stride=2, padding=1)
    torch.testing.assert_close(conv(x), repeated)
    torch.testing.assert_close(conv(x), fused)


def test_shrinking_convolution_is_averaged_squares_and_the_papers_fused_one():
    conv, x = Conv(3, 5, 3, down=2, bias=False, taps=BOX_TAPS), torch.randn(2, 3, 6, 6)
    kernel = conv.weight * conv.weight_gain
    averaged = F.avg_pool2d(F.conv2d(x, kernel, padding=1), 2)
    fused = F.conv2d(x, four_copies(kernel) / 4, stride=2, padding=1)
    torch.testing.assert_close(conv(x), averaged)
    torch.testing.assert_close(conv(x), fused)


def test_he_linear_scales_weights_and_leaves_biases():
    layer = HeLinear(8, 4, lr_multiplier=0.01)
    torch.nn.init.constant_(layer.bias, 50.0)
    x = torch.randn(3, 8)
    expected = F.leaky_relu(x @ layer.weight.t() * 0.01 * (2 / 8) ** 0.5 + 0.5, 0.2)
    torch.testing.assert_close(layer(x), expected)
