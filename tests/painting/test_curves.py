"""Distance to a curve: against points tried one by one, and by closed form."""

import pytest
import torch
from torch.testing import assert_close

from painting.curves import covering_t, nearest, nearest_t, points_at

TRIED = torch.linspace(0, 1, 4001, dtype=torch.float64)


def curves(count: int, side: int = 40, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 3, 2, generator=generator, dtype=torch.float64) * side
    radii = torch.rand(count, 2, generator=generator, dtype=torch.float64) * side / 4
    pixels = (torch.arange(side) + 0.5).double().expand(count, -1)
    return points, radii, pixels, pixels


def power(points, radii, rows, columns, t):
    """|B(t) - p|² - r(t)² of one curve for each pixel and each t, [h, w, T]."""
    at = points_at(points[None], t)[0]
    radius = radii[0] + (radii[1] - radii[0]) * t
    return (at[:, 0] - rows[:, None, None]) ** 2 + (at[:, 1] - columns[None, :, None]) ** 2 - radius**2


@pytest.mark.parametrize("thick", [0.0, 1.0])
def test_no_other_point_has_less_power(thick):
    points, radii, rows, columns = curves(20)
    radii = radii * thick
    found = nearest_t(points, radii, rows, columns)
    excess = []
    for index in range(len(points)):
        tried = power(points[index], radii[index], rows[index], columns[index], TRIED)
        at = points_at(points[index : index + 1], found[index].reshape(1, -1))[0].reshape(40, 40, 2)
        radius = radii[index, 0] + (radii[index, 1] - radii[index, 0]) * found[index]
        own = (at[..., 0] - rows[index][:, None]) ** 2 + (at[..., 1] - columns[index]) ** 2 - radius**2
        excess.append(own - tried.min(-1).values)
    gaps = torch.stack(excess)
    assert gaps.mean() < 1e-3  # square pixels
    assert (gaps > 0.1).double().mean() < 2e-4


def test_the_distance_to_a_straight_line_is_known():
    points = torch.tensor([[[5.0, 2.0], [5.0, 6.0], [5.0, 10.0]]], dtype=torch.float64)
    pixels = (torch.arange(12) + 0.5).double()[None]
    distance, t = nearest(points, torch.zeros(1, 2, dtype=torch.float64), pixels, pixels)
    along = (pixels[0] - 2).clamp(0, 8) / 8
    past = (pixels[0] - 2 - 8 * along).expand(12, 12)
    assert_close(t[0], along.expand(12, 12), atol=1e-6, rtol=0)
    assert_close(distance[0], torch.hypot((pixels[0] - 5)[:, None].expand(12, 12), past), atol=1e-6, rtol=0)


@pytest.mark.parametrize("thick", [0.0, 1.0])
def test_the_gradient_is_that_of_small_steps(thick):
    points, radii, rows, columns = curves(4, side=9, seed=3)
    points[:, 1] = points[:, [0, 2]].mean(1) + 0.5  # gently bent: no pixel near a medial axis
    radii = (radii * thick * 0.3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p, r: nearest(p, r, rows, columns), (points.requires_grad_(), radii), eps=1e-6, atol=1e-5
    )


def test_a_curve_that_is_a_point_has_a_distance_and_a_finite_gradient():
    points = torch.full((1, 3, 2), 4.5, requires_grad=True)
    pixels = (torch.arange(9) + 0.5)[None]
    distance, _ = nearest(points, torch.zeros(1, 2), pixels, pixels)
    distance.sum().backward()
    assert distance[0, 4, 4] == 0
    assert distance[0, 4, 8] == 4
    assert points.grad is not None
    assert points.grad.isfinite().all()


def test_the_last_disc_upon_a_pixel_is_the_one_with_the_largest_t():
    points, radii, rows, columns = curves(8)
    last, deepest = covering_t(points, radii, rows, columns)
    for index in range(len(points)):
        over = -power(points[index], radii[index], rows[index], columns[index], TRIED)
        covered = over >= 0
        expected = torch.where(covered, TRIED, -1).amax(-1)
        inside = covered.any(-1)
        wrong = (last[index] - expected).abs()[inside] > 0.01
        assert wrong.double().mean() < 0.02
        assert_close(last[index][~inside], deepest[index][~inside])
