"""Scores against numbers worked out by hand and against closed forms."""

import math

import numpy as np
import pytest

from classification.scores import (
    calibration_error,
    confusion,
    independent_difference,
    paired_difference,
    scores,
    wilson,
)

# Ten pictures of three classes: a a a a a b b b c c, taken for a a a b c b b a b b.
LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 2, 1, 1, 0, 1, 1])
CONFIDENCE = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7])


def probabilities(predicted=PREDICTED, confidence=CONFIDENCE, classes=3) -> np.ndarray:
    rows = np.repeat(((1 - confidence) / (classes - 1))[:, None], classes, axis=1)
    rows[np.arange(len(predicted)), predicted] = confidence
    return rows


def test_the_scores_are_those_worked_out_by_hand():
    found = scores(probabilities(), LABELS, ("a", "b", "c"))
    assert found.confusion == ((3, 1, 1), (1, 2, 0), (0, 2, 0))
    assert (found.pictures, found.correct, found.accuracy) == (10, 5, 0.5)
    a, b, c = found.classes
    assert (a.precision, a.recall, a.f1) == pytest.approx((3 / 4, 3 / 5, 2 * 3 / (5 + 4)))
    assert (b.precision, b.recall, b.f1) == pytest.approx((2 / 5, 2 / 3, 2 * 2 / (3 + 5)))
    assert (c.precision, c.recall, c.f1) == (0, 0, 0)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.balanced_accuracy == pytest.approx((3 / 5 + 2 / 3 + 0) / 3)
    # five at 0.9 of which 3 are right, five at 0.7 of which 2 are
    assert found.ece == pytest.approx(0.5 * (0.9 - 0.6) + 0.5 * (0.7 - 0.4))


def test_a_class_without_pictures_counts_for_f1_only_if_it_is_predicted():
    labels = np.array([0, 0, 1])
    found = scores(probabilities(np.array([0, 0, 1]), np.full(3, 0.8)), labels, ("a", "b", "c"))
    assert (found.macro_f1, found.balanced_accuracy) == (1, 1)
    assert math.isnan(found.classes[2].recall) and math.isnan(found.classes[2].f1)
    found = scores(probabilities(np.array([0, 2, 1]), np.full(3, 0.8)), labels, ("a", "b", "c"))
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [  # the spec's, of the KaoKore paper's table: ResNet-34 and VGG-11 status, Inception gender
        (447, 527, 0.815, 0.876),
        (415, 527, 0.751, 0.820),
        (509, 527, 0.947, 0.978),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_the_interval_is_wilsons(correct, count, low, high):
    assert wilson(correct, count) == pytest.approx((low, high), abs=6e-4)


def test_wilsons_ends_solve_the_equation_they_are_defined_by():
    for end in wilson(131, 150):
        z = abs(131 / 150 - end) / math.sqrt(end * (1 - end) / 150)
        assert z == pytest.approx(1.959964, abs=1e-5)


def test_a_perfectly_calibrated_set_has_no_error_and_an_overconfident_one_its_gap():
    confidence, right = np.full(100, 0.8), np.arange(100) < 80
    assert calibration_error(confidence, right) == pytest.approx(0)
    assert calibration_error(np.ones(100), right) == pytest.approx(0.2)
    half = np.concatenate([np.full(50, 0.5), np.full(50, 1.0)])
    assert calibration_error(half, np.arange(100) % 2 == 0) == pytest.approx(0.25)


def test_confusion_counts_true_in_rows():
    assert confusion(np.array([0, 0, 1]), np.array([1, 0, 1]), 2).tolist() == [[1, 1], [0, 1]]


def test_a_bin_of_confidence_holds_its_upper_edge():
    assert calibration_error(np.array([0.5, 1.0]), np.array([True, False]), bins=2) == pytest.approx((0.5 + 1) / 2)


def test_a_paired_difference_uses_only_pictures_that_differ():
    first, second = np.ones(100), np.ones(100)
    second[:10] = 0
    found = paired_difference(first, second)
    deviation = math.sqrt(0.1 * 0.9 * 100 / 99)
    assert (found.value, found.low) == pytest.approx((0.1, 0.1 - 1.959964 * deviation / 10), abs=1e-6)
    assert found.is_clear
    assert not paired_difference(first, np.where(np.arange(100) == 0, 0, 1)).is_clear


def test_differences_of_independent_shares_are_newcombes():
    found = independent_difference((56, 70), (48, 80))  # Newcombe 1998, table II, (a): method 10
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
