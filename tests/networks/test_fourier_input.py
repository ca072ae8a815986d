"""The Fourier features of a fresh network; golden numbers hold what it does with given ones."""

import math

import torch

from networks.fourier_input import FourierInput

BANDWIDTH = 2.0


def fresh(channels: int = 2000) -> FourierInput:
    torch.manual_seed(1)
    return FourierInput(channels, w_dim=8, size=12, rate=8, bandwidth=BANDWIDTH)


def test_frequencies_fill_the_disc_evenly():
    frequencies = fresh().frequencies
    radius = frequencies.norm(dim=1) / BANDWIDTH
    assert radius.max() <= 1 + 1e-6
    for share in (0.25, 0.5, 0.75):  # an even disc holds within a radius as much as its area says
        assert abs((radius < share).float().mean() - share**2) < 0.05
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            quarter = (frequencies[:, 0] * sign_x > 0) & (frequencies[:, 1] * sign_y > 0)
            assert abs(quarter.float().mean() - 0.25) < 0.05


def test_phases_fill_a_whole_wave_and_weights_are_normal():
    network = fresh()
    assert -0.5 <= network.phases.min() < -0.49 and 0.49 < network.phases.max() <= 0.5
    assert abs(network.weight.mean()) < 0.01
    assert abs(network.weight.std() - 1) < 0.01


def test_at_first_every_style_draws_the_same_unmoved_waves():
    network = fresh(16)
    ws = torch.randn(3, 8)
    with torch.no_grad():
        pictures = network(ws)
    assert torch.equal(pictures[0], pictures[1])
    place = (torch.arange(12) + 0.5 - 6) / 8
    x, y = place[None, :], place[:, None]
    f = network.frequencies[:, :, None, None]
    waves = torch.sin(2 * math.pi * (f[:, 0] * x + f[:, 1] * y + network.phases[:, None, None]))
    expected = torch.einsum("oc,chw->ohw", network.weight.detach() / 4, waves)
    torch.testing.assert_close(pictures[0], expected, rtol=1e-3, atol=1e-4)


def test_waves_that_a_move_takes_out_of_the_band_fade_and_are_gone_at_the_grids_limit():
    frequencies = torch.tensor([[[0.0, 1.0], [0.0, 2.0], [3.0, 0.0], [0.0, 4.0], [30.0, 0.0]]])
    torch.testing.assert_close(fresh(5)._amplitudes(frequencies), torch.tensor([[1.0, 1.0, 0.5, 0.0, 0.0]]))
