import numpy as np
import torch

from training.augment.bands import Bands, apply_bands, apply_filter
from training.augment.draws import Draws
from training.augment.wavelets import band_filters

BANK = torch.from_numpy(band_filters()).float()


def gains(p: float, count: int = 4000) -> torch.Tensor:
    return Bands().draw(count, p, Draws(torch.Generator().manual_seed(1)))


def test_gains_of_one_leave_the_pictures_bit_for_bit():
    x = torch.randn(2, 3, 12, 12)
    assert apply_bands(x, gains(0.0, 2), BANK) is x


def test_the_mean_power_of_natural_pictures_stays_when_one_band_changes():
    drawn = gains(0.05)
    unlike = drawn != drawn.median(1, keepdim=True).values  # a changed band scales the other three alike
    drawn = drawn[unlike.sum(1) == 1]
    assert len(drawn) > 100
    power = (drawn**2 * torch.tensor([10, 1, 1, 1]) / 13).sum(1)
    torch.testing.assert_close(power, torch.ones(len(drawn)))


def test_the_ratio_of_two_bands_has_the_stated_deviation():
    ratio = (gains(1.0)[:, 2] / gains(1.0)[:, 3]).log2()
    assert abs(ratio.std() - 2**0.5) < 0.05  # two independent deviations of 1


def test_filtering_agrees_with_numpy():
    taps = torch.randn(1, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    taps = taps + taps.flip(1)
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64)
    padded = np.pad(x[0, 0].numpy(), 2, mode="reflect")
    rows = np.stack([np.convolve(row, taps[0].numpy(), "valid") for row in padded])
    columns = np.stack([np.convolve(column, taps[0].numpy(), "valid") for column in rows.T])
    torch.testing.assert_close(apply_filter(x, taps)[0, 0], torch.from_numpy(columns.T))


def test_each_picture_gets_its_own_taps():
    x = torch.ones(2, 3, 4, 4)
    y = apply_filter(x, torch.tensor([[0.0, 2.0, 0.0], [0.0, 3.0, 0.0]]))
    assert y[0].unique().tolist() == [4.0]
    assert y[1].unique().tolist() == [9.0]


def test_pictures_smaller_than_the_filter_can_be_filtered():
    y = apply_bands(torch.ones(1, 3, 8, 8), gains(1.0, 1), BANK)
    torch.testing.assert_close(y, torch.full_like(y, float(gains(1.0, 1)[0, 0]) ** 2))
