import numpy as np
import pytest

from training.augment.wavelets import SYM2, SYM6, band_filters


@pytest.mark.parametrize("taps", [SYM2, SYM6])
def test_symlets_are_orthonormal_low_passes(taps):
    overlap = np.correlate(taps, taps, "full")[len(taps) - 1 :: 2]
    np.testing.assert_allclose(overlap, [1, *[0] * (len(taps) // 2 - 1)], atol=1e-9)
    assert sum(taps) == pytest.approx(2**0.5)


@pytest.mark.parametrize(("taps", "moments"), [(SYM2, 2), (SYM6, 6)])
def test_symlets_have_as_many_vanishing_moments_as_their_name_says(taps, moments):
    position = np.arange(len(taps)) - len(taps) / 2
    signs = (-1.0) ** np.arange(len(taps))
    for power in range(moments):
        assert abs(np.sum(signs * position**power * taps)) < 1e-6 * max(1, 6**power)


def test_the_bands_sum_to_the_identity():
    bands = band_filters()
    assert bands.shape == (4, 43)
    np.testing.assert_allclose(bands.sum(0), np.eye(43)[21], atol=1e-12)


def test_the_bands_are_symmetric():
    np.testing.assert_allclose(band_filters(), band_filters()[:, ::-1], atol=1e-12)


def test_each_band_is_strongest_in_its_octave():
    response = np.abs(np.fft.rfft(band_filters(), 512, axis=1))  # 0…256 is 0…π
    assert response[0].argmax() == 0
    assert 256 / 8 < response[1].argmax() < 256 / 4
    assert 256 / 4 < response[2].argmax() < 256 / 2
    assert response[3].argmax() == 256
