"""The public ADA pipe's pictures (../shared/golden/ada_augment.npz), recomputed from the written rules.

Percentile cases: our own draws at a fixed percentile give the matrices, our own matrices give the picture; both are
compared. The golden percentile mode makes no rotation after the stretching, so these pipes have none either.
Random cases: the order of the draws is not ours, so the captured matrices are fed to the same functions.
"""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.closeness import assert_golden
from tests.support.percentile import FixedPercentile
from training.augment.bands import apply_filter
from training.augment.colour import apply_colour
from training.augment.config import AugmentConfig
from training.augment.geometry import Geometry
from training.augment.noise import apply_noise
from training.augment.pipeline import AugmentPipe
from training.augment.resample import apply_geometry, margins
from training.augment.sets import SETS

QUANTILES = [
    *(f"blit/p{q}" for q in ("0.0", "0.5", "0.9", "1.0")),
    *(f"{name}/p{q}" for name in ("geom", "color", "filter") for q in ("0.1", "0.5", "0.9")),
    *("noise/p0.5", "noise/p0.9", "cutout/p0.1", "cutout/p0.5", "cutout/p1.0"),
    *(f"{name}/p{q}" for name in ("bg", "bgc", "bgcfnc") for q in ("0.1", "0.3", "0.5", "0.9")),
    *("bgcf/p0.5", "bgcfn/p0.5", "bgcfnc/gray_p0.3", "bgcf/rect_p0.3", "bgc/grad_p0.3"),
]
RANDOM = ["bgc/random_p1.0_seed11", "bgc/random_p0.5_seed12", "bgcfnc/random_p1.0_seed13", "bg/random_p0.8_seed14"]
MOVED = re.compile(r"(bl|ge|bg)(?!.*grad)")  # cases whose matrices and margin were captured
REACH = 6  # of the 12-tap filter, in pixels of the picture


@pytest.fixture(scope="module")
def golden(shared) -> dict[str, np.ndarray]:
    with np.load(shared / "golden/ada_augment.npz", allow_pickle=False) as file:
        return dict(file)


def cases(golden: dict[str, np.ndarray]) -> dict:
    return json.loads(str(golden["meta_json"]))["cases"]


def pipe(case: str) -> AugmentPipe:
    families = SETS[case.split("/")[0]]
    if families.geometry:
        families = dataclasses.replace(families, geometry=Geometry(turn_after=0.0))
    return AugmentPipe(AugmentConfig(), families)


def setting(golden: dict[str, np.ndarray], case: str) -> tuple[Tensor, FixedPercentile]:
    """The case's pictures and draws."""
    described = cases(golden)[case]
    noise = golden.get(f"{case}/noise_draw")
    draws = FixedPercentile(described["debug_percentile"], None if noise is None else torch.from_numpy(noise))
    return torch.from_numpy(golden[described["input"]]), draws


def captured(golden: dict[str, np.ndarray], case: str, name: str) -> Tensor:
    return torch.from_numpy(golden[f"{case}/{name}"])


def is_captured(golden: dict[str, np.ndarray], case: str, name: str) -> bool:
    return f"{case}/{name}" in golden


def test_no_golden_case_is_left_out(golden):
    there = {name for name, case in cases(golden).items() if isinstance(case, dict) and "input" in case}
    assert there == {*QUANTILES, *RANDOM}


@pytest.mark.parametrize("case", QUANTILES)
def test_pictures_at_a_percentile_agree(golden, case):
    images, draws = setting(golden, case)
    assert_golden(pipe(case)(images, 1.0, draws), golden[f"{case}/y"])


@pytest.mark.parametrize("case", QUANTILES)
def test_matrices_at_a_percentile_agree(golden, case):
    images, draws = setting(golden, case)
    augment = pipe(case)
    changes = augment.draw(images, 1.0, draws)
    if is_captured(golden, case, "G_inv"):
        assert changes.geometry is not None
        assert_golden(changes.geometry, golden[f"{case}/G_inv"])
    if is_captured(golden, case, "C"):
        assert changes.colour is not None
        rows = golden[f"{case}/C"][:, :3]
        # Of a grey picture only the mean row acts, and the golden matrix leaves hue and saturation out.
        if images.shape[1] == 1:
            ours, theirs = changes.colour.mean(1), rows.mean(1)
            assert_golden(ours[:, :3].sum(1), theirs[:, :3].sum(1))
            assert_golden(ours[:, 3], theirs[:, 3])
        else:
            assert_golden(changes.colour, rows)
    if is_captured(golden, case, "Hz_prime"):
        assert changes.bands is not None
        assert_golden(changes.bands @ augment.bank, golden[f"{case}/Hz_prime"])


@pytest.mark.parametrize("case", [case for case in [*QUANTILES, *RANDOM] if MOVED.match(case)])
def test_margins_agree(golden, case):
    matrices = captured(golden, case, "G_inv")
    size = golden[f"{case}/y"].shape[2:]
    left, top, right, bottom = margins(matrices, size, REACH)
    assert [left, top, right, bottom] == golden[f"{case}/margin"].tolist()


@pytest.mark.parametrize("case", RANDOM)
def test_random_pictures_agree_given_the_captured_matrices(golden, case):
    augment = pipe(case)
    y = torch.from_numpy(golden[cases(golden)[case]["input"]])
    y = apply_geometry(y, captured(golden, case, "G_inv"), augment.low_pass)
    if is_captured(golden, case, "C"):
        y = apply_colour(y, captured(golden, case, "C")[:, :3])
    if is_captured(golden, case, "Hz_prime"):
        y = apply_filter(y, captured(golden, case, "Hz_prime"))
    theirs = captured(golden, case, "y")
    if is_captured(golden, case, "noise_draw"):
        # Strength and rectangle were not captured: one number per picture is fitted, the rectangle read off its zeros.
        noise = captured(golden, case, "noise_draw")
        keep = (theirs != 0).any(1, keepdim=True)
        assert 0.5 < keep.float().mean() < 1
        strength = (keep * (theirs - y) * noise).sum((1, 2, 3)) / (keep * noise.square()).sum((1, 2, 3))
        y = apply_noise(y, strength, noise) * keep
    assert_golden(y, theirs)


def test_the_gradient_agrees(golden):
    images, draws = setting(golden, "bgc/grad_p0.3")
    images.requires_grad_()
    y = pipe("bgc/grad_p0.3")(images, 1.0, draws)
    (dx,) = torch.autograd.grad((y * captured(golden, "bgc/grad_p0.3", "g")).sum(), images)
    assert_golden(dx, golden["bgc/grad_p0.3/dx"], relative=1e-3)


def test_the_filters_agree(golden):
    augment = AugmentPipe(AugmentConfig())
    assert_golden(augment.low_pass, golden["Hz_geom"], relative=1e-6)
    assert_golden(augment.bank, golden["Hz_fbank"], relative=1e-6)
