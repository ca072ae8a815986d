"""Differences face by face."""

import math

import pytest
from scipy import stats

from painting.paired import paired, spread


def test_the_interval_is_students():
    first, second = [1.0, 2.0, 4.0, 8.0], [0.5, 1.0, 3.5, 8.5]
    found = paired(first, second, less_is_better=True)
    differences = [b - a for a, b in zip(first, second, strict=True)]
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(-0.375)
    assert (found.faces, found.second_better, found.ties) == (4, 3, 0)


def test_what_is_better_depends_on_the_measure():
    assert paired([1.0, 5.0, 3.0], [2.0, 6.0, 3.0], less_is_better=False).second_better == 2
    found = paired([1.0, 5.0, 3.0], [2.0, 6.0, 3.0], less_is_better=True)
    assert (found.second_better, found.ties) == (0, 1)


def test_one_face_has_no_interval():
    found = paired([1.0], [2.0], less_is_better=True)
    assert found.mean == 1
    assert all(map(math.isnan, (found.low, found.high, found.deviation)))


def test_equal_pictures_differ_by_nothing():
    found = paired([math.inf, 20.0], [math.inf, 21.0], less_is_better=False)
    assert (found.mean, found.ties, found.second_better) == (0.5, 1, 1)
    assert spread([math.inf, 20.0]).mean == math.inf
    assert math.isnan(spread([math.inf, 20.0]).deviation)
