import pytest

from training.augment.config import AdaptiveStrength, AugmentConfig, NoStrength
from training.health import Health

EVEN = {"loss/G": 1.0, "loss/D": 1.2, "augment/p": 0.3}


def adaptive(cap: float = 0.85) -> Health:
    return Health(AugmentConfig(strength=AdaptiveStrength(max_p=cap)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"loss/G": 9.0}, "D is far ahead of G (loss of G 9.0)"),
        ({"loss/D": 2.5}, "D judges worse than by guessing (loss of D 2.50"),
        ({"augment/p": 0.85}, "p is at its cap of 0.85"),
    ],
)
def test_what_goes_wrong_is_told_once_and_again_when_it_comes_back(value, said):
    health = adaptive()
    assert health.warnings(EVEN) == []
    (line,) = health.warnings(EVEN | value)
    assert line.startswith("warning: ") and said in line
    assert health.warnings(EVEN | value) == []
    assert health.warnings(EVEN) == []
    assert health.warnings(EVEN | value) == [line]


def test_a_fixed_or_absent_strength_has_no_cap():
    assert Health(AugmentConfig(strength=NoStrength())).warnings({"augment/p": 1.0}) == []


def test_values_that_are_not_there_say_nothing():
    assert adaptive().warnings({}) == []
