"""Equivariance: closed forms, generators that are exact or stuck, and StyleGAN3 against its own aliasing variants."""

import json
import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from metrics.equivariance import METRICS, check_movable, measure
from metrics.fakes import evaluation_seeds
from metrics.motions import WholeShift
from metrics.score import of_kind, parse_names
from metrics.score_generator import score_generator
from networks.interface import Generator, ImageSpec
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from networks.stylegan3_generator import StyleGAN3GeneratorConfig
from sampling.labels import labels_for_seeds
from tests.support.fresh_stylegan3 import ALIASED, R, T, fresh
from tests.support.moved_pictures import NUM_WAVES, EveryOther, Waves, info_of
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.labels import LabelSet, encode
from torch_utils.seeds import latents

ONE_PIXEL = replace(METRICS["eq_t"], draw=lambda source, resolution: WholeShift(1, 0))


def eq(name: str, generator: Generator, count: int = 24, **options) -> float:
    return measure(METRICS[name], generator, info_of(generator), count, **options).value


def test_half_of_the_pictures_off_by_a_fifth_are_23_db():
    generator = EveryOther(0.2)
    value = measure(ONE_PIXEL, generator, info_of(generator), 24).value
    assert value == pytest.approx(10 * math.log10(2**2 / (0.2**2 / 2)))  # 23.01


@pytest.mark.parametrize(("name", "least"), [("eq_t", 140), ("eq_t_frac", 60), ("eq_r", 75)])
def test_exact_moves_score_as_high_as_the_filters_are_good(name, least):
    assert eq(name, Waves(highest=0.2)) > least


@pytest.mark.parametrize("name", METRICS)
def test_a_pattern_that_sticks_to_the_pixels_scores_low(name):
    assert eq(name, Waves(texture=0.3)) < 30


def test_no_difference_at_all_is_the_limit_of_fp32():
    assert eq("eq_t", EveryOther(0.0), 4) == pytest.approx(150.5, abs=0.1)


@pytest.mark.parametrize("name", METRICS)
def test_the_seed_decides_and_the_batch_does_not(name):
    generator = Waves(texture=0.1)
    value = eq(name, generator, 5, seed=1)
    assert value == eq(name, generator, 5, seed=1) == pytest.approx(eq(name, generator, 5, seed=1, batch=2))
    assert value != eq(name, generator, 5, seed=2)


class Drawing(Waves):
    """Remembers how many pictures each move was for."""

    def __init__(self):
        super().__init__(8)
        self.sizes: list[int] = []

    def synthesis(self, ws, noise):
        self.sizes.append(len(ws))
        return super().synthesis(ws, noise)


@pytest.mark.parametrize(
    ("count", "batch", "moves", "sizes"),
    [(5, 32, 5, {1}), (1_999, 32, 1_999, {1}), (4_002, 32, 1_001, {4, 2}), (4_000, 3, 1_000, {3, 1})],
)
def test_pictures_share_moves_only_where_there_are_thousands(count, batch, moves, sizes):
    generator = Drawing()
    value = measure(METRICS["eq_t"], generator, info_of(generator), count, batch=batch)
    assert value.details["moves"] == moves
    assert set(generator.sizes) == sizes
    assert sum(generator.sizes) == 2 * count  # still and moved


def test_shifts_go_as_far_as_an_eighth_and_angles_all_the_way_round():
    def drawn(name: str) -> list[dict[str, float]]:
        return [vars(METRICS[name].draw(torch.Generator().manual_seed(seed), 64)) for seed in range(200)]

    whole = {shift for motion in drawn("eq_t") for shift in motion.values()}
    assert whole == set(range(-8, 9))
    parts = [motion["right"] for motion in drawn("eq_t_frac")]
    assert -8 <= min(parts) < -7 < 7 < max(parts) <= 8
    assert not any(part.is_integer() for part in parts)
    angles = [motion["angle"] for motion in drawn("eq_r")]
    assert 0 <= min(angles) < 0.2 < 6 < max(angles) < 2 * math.pi


def test_shifts_down_are_not_those_to_the_right():
    for name in ("eq_t", "eq_t_frac"):
        motions = [METRICS[name].draw(torch.Generator().manual_seed(seed), 64) for seed in range(20)]
        assert sum(motion.right != motion.down for motion in motions) > 15
        assert any(motion.right * motion.down < 0 for motion in motions)


class Asked(Waves):
    """Remembers what its mapping was asked for."""

    def __init__(self):
        super().__init__(8)
        self.image_spec = ImageSpec(resolution=8, label_sets=(LabelSet(name="status", classes=("noble", "warrior")),))
        self.asked: list[tuple[torch.Tensor, torch.Tensor, float]] = []
        through = self.mapping.forward
        self.mapping.forward = lambda z, labels, psi: self.asked.append((z, labels, psi)) or through(z, labels, psi=psi)


def test_the_pictures_are_those_that_other_metrics_score():
    generator = Asked()
    info = replace(info_of(generator), label_counts=(((0,), 3), ((1,), 1)))
    measure(ONE_PIXEL, generator, info, 40, seed=2, psi=0.7)
    z, labels, psi = ([asked[place] for asked in generator.asked] for place in range(3))
    seeds = evaluation_seeds(2, 40)
    assert torch.equal(torch.cat(z), latents(seeds, NUM_WAVES))
    expected = encode(labels_for_seeds(info, seeds), generator.image_spec.label_sets)
    assert torch.equal(torch.cat(labels), expected)
    assert 0 < expected[:, 1].sum() < expected[:, 0].sum()
    assert psi == [0.7] * 40


def test_a_network_whose_input_cannot_be_moved_is_refused_by_name():
    generator = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, channel_base=64, channel_max=8).build(
        ImageSpec(resolution=32)
    )
    with pytest.raises(ConfigError, match=r"--metrics eq_r: undefined for this network\. StyleGAN2Generator: has no"):
        check_movable(METRICS["eq_r"], "eq_r", generator)


def test_pictures_smaller_than_the_filter_are_refused():
    with pytest.raises(ConfigError, match=r"--metrics eq_r5k: pictures of 16 pixels are too small .* Use 32 or more"):
        check_movable(METRICS["eq_r"], "eq_r5k", Waves(16))


@pytest.mark.parametrize("name", METRICS)
def test_the_smallest_pictures_allowed_have_pixels_left_after_every_move(name):
    metric = METRICS[name]
    picture = torch.zeros(1, 1, metric.smallest, metric.smallest)
    for seed in range(100):
        motion = metric.draw(torch.Generator().manual_seed(seed), metric.smallest)
        assert motion.pair(picture, picture)[0].numel() > 0


def test_pictures_that_are_no_numbers_give_no_score():
    with pytest.raises(SnapshotError, match="EQ-T: the pictures hold numbers that are not finite"):
        eq("eq_t", EveryOther(math.nan), 4)


def test_the_recipe_is_whole_and_plain():
    generator = Waves(texture=0.1)
    asked = of_kind(parse_names(["kid20", "eq_t20", "eq_t_frac20"]), type(METRICS["eq_t"]))
    results = score_generator(asked, generator, info_of(generator), seed=3, about={"network_sha256": "ab", "psi": 0.7})
    assert [(result.metric, result.display_name) for result in results] == [
        ("eq_t20", "EQ-T20"),
        ("eq_t_frac20", "EQ-T_frac20"),
    ]
    assert json.loads(json.dumps(results[0].to_json()))["recipe"] == {
        "unit": "dB",
        "fake_pictures": 20,
        "resolution": 32,
        "noise_mode": "const",
        "seed": 3,
        "device": "cpu",
        "torch": torch.__version__,
        "network_sha256": "ab",
        "psi": 0.7,
        "moves": 20,
    }


@cache
def of_fresh(name: str, config: StyleGAN3GeneratorConfig) -> float:
    return eq(name, fresh(config, ImageSpec(resolution=32)), 12)


@pytest.mark.parametrize("name", ["eq_t", "eq_t_frac"])
@pytest.mark.parametrize("config", [T, R], ids=["T", "R"])
def test_the_alias_free_design_is_worth_20_db_of_translation(name, config):
    assert of_fresh(name, config) > of_fresh(name, replace(config, **ALIASED)) + 20


def test_the_kernels_of_r_are_worth_20_db_of_rotation():
    assert of_fresh("eq_r", R) > of_fresh("eq_r", T) + 20


def test_the_alias_free_design_is_worth_15_db_of_rotation():
    assert of_fresh("eq_r", R) > of_fresh("eq_r", replace(R, **ALIASED)) + 15


def test_a_wrong_sense_of_rotation_would_show():
    generator = fresh(R, ImageSpec(resolution=32))
    metric = METRICS["eq_r"]

    class Backwards(type(generator)):
        def transformed(self, matrix):
            return super().transformed(torch.linalg.inv(matrix))

    right = measure(metric, generator, info_of(generator), 4).value
    generator.__class__ = Backwards
    assert measure(metric, generator, info_of(generator), 4).value < right - 30
