"""Class agreement: the share of generated pictures that a classifier takes for what was asked for."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from classification.snapshot import load_classifier
from dataset.archive import Archive
from metrics import class_agreement
from metrics.evaluate import Request, evaluate
from metrics.extractors import load_extractor
from metrics.score import parse_names
from networks.interface import Generator, ImageSpec, Mapping, Noise
from networks.snapshot_info import SnapshotInfo
from tests.support.tiny_classifier import train_tiny
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.errors import ConfigError, SnapshotError
from torch_utils.labels import LabelSet


class LabelAsStyle(Mapping):
    """The label's code is the style; `stubborn`: that of class 0, whatever is asked."""

    num_ws = 1

    def __init__(self, width: int, stubborn: bool):
        super().__init__()
        self.stubborn = stubborn
        self.register_buffer("w_mean", torch.zeros(width))

    def styles(self, z: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        return torch.eye(labels.shape[1])[:1].expand_as(labels) if self.stubborn else labels


class Painter(Generator):
    """A red or a blue disc on grey, as the label asks."""

    def __init__(self, label_sets: tuple[LabelSet, ...], *, stubborn: bool = False):
        super().__init__()
        self.image_spec = ImageSpec(resolution=16, label_sets=label_sets)
        self.z_dim, self.mapping = 4, LabelAsStyle(self.image_spec.label_dim, stubborn)
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def synthesis(self, ws: Tensor, noise: Noise | None = None) -> Tensor:
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, 16)] * 2, indexing="ij")
        inside = ((x**2 + y**2) < 0.35).float()
        colours = torch.tensor([[0.6, -0.7, -0.8], [-0.8, -0.6, 0.5], [0, 0, 0]])
        disc = (ws[:, 0] @ colours)[:, :, None, None]
        return 0.7 * (1 - inside) + disc * inside


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("discs") / "discs.zip", count=100, grain=True)


@pytest.fixture(scope="module")
def judge(discs, tmp_path_factory) -> Path:
    return train_tiny(discs, tmp_path_factory.mktemp("judge") / "run", epochs=12).snapshot


def info_of(archive: Archive, labels: tuple[tuple[tuple[int, ...], int], ...]) -> SnapshotInfo:
    spec = ImageSpec(resolution=16, label_sets=archive.label_sets[:1])
    return SnapshotInfo(image_spec=spec, generator=None, label_counts=labels)


def test_a_generator_that_obeys_agrees_and_a_stubborn_one_agrees_by_luck(discs, judge):
    archive, classifier = Archive.open(discs), load_classifier(judge)
    info = info_of(archive, (((0,), 30), ((1,), 10), ((-1,), 10)))
    good = class_agreement.measure(Painter(archive.label_sets[:1]), info, classifier, 60)
    assert good.value == 1.0
    assert good.details["by_class"] == {"red": 1.0, "blue": 1.0}
    asked = good.details["judged_pictures"]
    assert isinstance(asked, int) and 30 < asked < 60  # those asked for as unlabelled are not judged
    stubborn = class_agreement.measure(Painter(archive.label_sets[:1], stubborn=True), info, classifier, 60)
    assert stubborn.details["by_class"] == {"red": 1.0, "blue": 0.0}
    assert 0.5 < stubborn.value < 0.95


def test_nothing_asked_for_is_no_score(discs, judge):
    archive, classifier = Archive.open(discs), load_classifier(judge)
    info = info_of(archive, (((-1,), 1),))
    with pytest.raises(ConfigError, match="no picture was asked for with a class"):
        class_agreement.measure(Painter(archive.label_sets[:1]), info, classifier, 10)


def test_evaluate_writes_the_share_with_its_judge(discs, judge, tmp_path):
    network = write_snapshot(tmp_path / "g.safetensors", Archive.open(discs), conditional=True)
    request = Request(network=network, classifier=judge, metrics="class_agreement", num_samples=20, device="cpu")
    (result,) = evaluate(request)
    assert (result.metric, result.display_name) == ("class_agreement20_colour", "class agreement (colour)")
    assert 0 <= result.value <= 1
    assert result.recipe["classifier_sha256"] == load_classifier(judge).info.digest
    assert json.dumps(result.to_json())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classifier": None}, "class_agreement: needs a judge. Give --classifier FILE"),
        ({"metrics": "eq_t"}, "--classifier .*: used by class_agreement alone"),
        ({"network": None, "compare": Path("x.zip")}, "asks a generator for classes. Give --network SNAPSHOT"),
    ],
)
def test_what_is_lacking_is_said_before_anything_is_made(judge, changes, message):
    usual = Request(network=Path("g.safetensors"), classifier=judge, metrics="class_agreement")
    with pytest.raises(ConfigError, match=message):
        evaluate(replace(usual, **changes))


def test_a_generator_without_the_label_set_is_refused(discs, judge, tmp_path):
    plain = write_snapshot(tmp_path / "plain.safetensors", Archive.open(discs))
    with pytest.raises(ConfigError, match="judges colour; the generator's label sets are none"):
        evaluate(Request(network=plain, classifier=judge, metrics="class_agreement", device="cpu"))
    other = (LabelSet(name="colour", classes=("blue", "red")),)
    info = SnapshotInfo(image_spec=ImageSpec(resolution=16, label_sets=other), generator=None)
    with pytest.raises(ConfigError, match="knows colour as red, blue; the generator has blue, red"):
        class_agreement.column_of(info, load_classifier(judge))


def test_a_classifier_is_an_extractor_for_kid_and_never_makes_a_fid(discs, judge):
    extractor = load_extractor(exported=judge, resolution=16)
    assert extractor(Archive.open(discs).load(Archive.open(discs).indices(None)[:3])).shape == (3, 16)
    request = Request(
        data=discs, compare=discs, compare_split="train", split="test", metrics="kid", num_samples=50,
        extractor=judge, device="cpu", cache=judge.parent / "cache",
    )  # fmt: skip
    (result,) = evaluate(request)
    assert result.display_name == "KID (tiny_for_tests_colour)"
    assert result.metric == "kid50_tiny_for_tests_colour"
    assert math.isfinite(result.value)
    with pytest.raises(ConfigError, match="its digest is "):
        load_extractor(exported=judge, exported_sha256="0" * 64)
    with pytest.raises(SnapshotError, match="no such file"):
        load_extractor(exported=Path("absent.safetensors"))


def test_it_is_a_metric_with_a_count_like_the_others():
    (asked,) = parse_names(["class_agreement5k"])
    assert (asked.name, asked.samples) == ("class_agreement", 5000)
