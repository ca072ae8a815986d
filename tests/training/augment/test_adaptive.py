import pytest

from training.augment.adaptive import adjust
from training.augment.config import AdaptiveStrength

CONFIG = AdaptiveStrength(target=0.6, kimg=500.0, max_p=0.85)


def test_p_rises_by_the_share_of_pictures_while_d_is_too_sure():
    assert adjust(0.1, 0.9, CONFIG, 5000) == pytest.approx(0.11)


def test_p_falls_by_the_same_amount_while_d_is_not():
    assert adjust(0.1, 0.3, CONFIG, 5000) == pytest.approx(0.09)


def test_p_stays_at_the_target():
    assert adjust(0.1, 0.6, CONFIG, 5000) == 0.1


def test_p_never_falls_below_0():
    assert adjust(0.001, -1.0, CONFIG, 5000) == 0


def test_p_never_rises_above_its_cap():
    assert adjust(0.849, 1.0, CONFIG, 5000) == 0.85


def test_kimg_is_the_fastest_way_from_0_to_1():
    p, config = 0.0, AdaptiveStrength(kimg=10.0, max_p=1.0)
    for _ in range(100):
        p = adjust(p, 1.0, config, 100)
    assert p == pytest.approx(1.0)
