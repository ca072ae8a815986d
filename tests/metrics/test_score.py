"""Scores: shared features, honest names, whole recipes."""

import json
import random

import numpy as np
import pytest
import torch

from metrics import fid, kid
from metrics.score import METRICS, parse_names, score
from tests.support.tiny_program import extractor_of
from torch_utils.errors import ConfigError, DataError


class Fakes:
    """Drawn noise pictures in batches of seven; remembers what was asked for."""

    def __init__(self):
        self.asked: list[int] = []

    def __call__(self, count: int):
        self.asked.append(count)
        source = torch.Generator().manual_seed(7)
        pictures = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=source)
        return iter(pictures.split(7))


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("fid", 50_000),
        ("fid5k", 5_000),
        ("fid10k", 10_000),
        ("kid", 2_000),
        ("kid600", 600),
        ("eq_t", 1_000),
        ("eq_t_frac50k", 50_000),
    ],
)
def test_a_name_carries_its_count(name, samples):
    [asked] = parse_names([name])
    assert (asked.samples, asked.metric) == (samples, METRICS[name.rstrip("0123456789k")])


def test_num_samples_stands_for_the_defaults():
    assert [asked.samples for asked in parse_names(["fid", "kid"], 600)] == [600, 600]


def test_a_metric_asked_twice_is_computed_once():
    assert len(parse_names(["fid", "fid50k", "fid5k"])) == 2


@pytest.mark.parametrize(
    ("names", "num_samples", "words"),
    [
        (["fad"], None, "--metrics fad: no such metric. Use fid, kid"),
        ([""], None, "no such metric"),
        (["fid5m"], None, "--metrics fid5m: no such metric"),
        (["FID"], None, "--metrics FID: no such metric"),
        (["fid5k"], 600, "--metrics fid5k and --num-samples 600: two counts"),
        (["kid0"], None, "--metrics kid0: 0 samples are too few. Use 10 or more"),
        (["kid"], 9, "9 samples are too few. Use 10 or more"),
        (["fid"], 1, "1 samples are too few. Use 2 or more"),
    ],
)
def test_names_that_make_no_sense_are_refused(names, num_samples, words):
    with pytest.raises(ConfigError, match=words):
        parse_names(names, num_samples)


def test_metrics_share_one_set_of_fakes_and_one_look_at_each_real(archive, extractor, counting):
    fakes = Fakes()
    results = score(["fid30", "kid20"], real=archive, split=None, fakes=fakes, extractor=extractor, cache=None)
    assert fakes.asked == [30]
    assert counting.seen == 24 + 30
    assert [result.recipe["real_pictures"] for result in results] == [24, 20]
    assert [result.recipe["fake_pictures"] for result in results] == [30, 20]


def test_values_are_those_of_the_metrics_on_the_features(archive, extractor):
    results = score(["fid30", "kid30"], real=archive, split="test", fakes=Fakes(), extractor=extractor, cache=None)
    real = extractor(archive.load(archive.indices("test")))
    fake = extractor(torch.cat(list(Fakes()(30))))
    # Features of other batches differ in the last bits, which the matrix root of twelve pictures enlarges.
    assert results[0].value == pytest.approx(fid.compute(real, fake, 0).value, rel=1e-5)
    expected = kid.compute(real, fake, 0)
    assert (results[1].value, results[1].deviation) == pytest.approx((expected.value, expected.deviation), rel=1e-5)


def test_another_network_than_inception_never_makes_a_fid(archive, extractor):
    results = score(["fid30", "kid20"], real=archive, split=None, fakes=Fakes(), extractor=extractor, cache=None)
    assert [result.display_name for result in results] == ["Fréchet distance (tiny)", "KID (tiny)"]
    assert [result.metric for result in results] == ["frechet_distance30_tiny", "kid20_tiny"]
    assert "fid" not in json.dumps([result.to_json() for result in results]).lower().replace("torch_fidelity", "")


def test_inceptions_names_carry_the_count(archive, counting):
    inception = extractor_of(counting, is_inception=True)
    results = score(["fid1k", "kid20"], real=archive, split=None, fakes=Fakes(), extractor=inception, cache=None)
    assert [(result.metric, result.display_name) for result in results] == [("fid1k", "FID1k"), ("kid20", "KID20")]


def test_the_recipe_is_whole_and_plain(archive, extractor):
    [result] = score(
        ["kid20"],
        real=archive,
        split="train",
        fakes=Fakes(),
        extractor=extractor,
        seed=3,
        cache=None,
        about={"network_sha256": "ab", "psi": 0.7},
    )
    recipe = json.loads(json.dumps(result.to_json()))["recipe"]
    assert recipe == {
        "reference": "discs.zip",
        "reference_digest": archive.digest,
        "split": "train",
        "resolution": 16,
        "resize": "none",
        "extractor": "tiny",
        "extractor_sha256": "0" * 64,
        "seed": 3,
        "device": "cpu",
        "torch": torch.__version__,
        "torch_fidelity": recipe["torch_fidelity"],
        "real_pictures": 12,
        "fake_pictures": 20,
        "network_sha256": "ab",
        "psi": 0.7,
        "subsets": 100,
        "subset_size": 12,
        "note": "subsets of 12 instead of 300: there are no more pictures",
    }
    assert recipe["torch_fidelity"].startswith("0.")


def test_notes_of_extractor_and_metric_stand_together(archive, counting):
    odd = extractor_of(counting)
    object.__setattr__(odd, "note", "odd weights")
    [result] = score(["kid20"], real=archive, split=None, fakes=Fakes(), extractor=odd, cache=None)
    assert result.recipe["note"] == "odd weights; subsets of 20 instead of 300: there are no more pictures"


def global_states() -> tuple[str, str, list[int]]:
    with np.printoptions(threshold=10**6):
        return repr(random.getstate()), repr(np.random.get_state()), torch.get_rng_state().tolist()


def test_scoring_leaves_every_global_random_state_alone(archive, extractor, tmp_path):
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    before = global_states()
    score(["fid30", "kid20"], real=archive, split=None, fakes=Fakes(), extractor=extractor, cache=tmp_path)
    assert global_states() == before


def test_the_same_seed_gives_the_same_scores_with_and_without_cache(archive, extractor, tmp_path):
    values = [
        [
            result.value
            for result in score(
                ["fid30", "kid20"], real=archive, split=None, fakes=Fakes(), extractor=extractor, cache=cache
            )
        ]
        for cache in (None, tmp_path, tmp_path)
    ]
    assert values[0] == values[1] == values[2]


def test_an_unknown_split_is_refused_before_pictures_are_generated(archive, extractor):
    fakes = Fakes()
    with pytest.raises(DataError, match="no split 'dev'"):
        score(["kid20"], real=archive, split="dev", fakes=fakes, extractor=extractor, cache=None)
    assert fakes.asked == []


def test_too_few_real_pictures_are_refused_before_pictures_are_generated(extractor, tmp_path):
    from dataset.archive import Archive
    from tests.support.tiny_run import write_archive

    few, fakes = Archive.open(write_archive(tmp_path / "few.zip", count=12)), Fakes()
    with pytest.raises(ConfigError, match="few.zip, split train: 6 pictures are too few for kid. Use 10 or more"):
        score(["kid20"], real=few, split="train", fakes=fakes, extractor=extractor, cache=None)
    assert fakes.asked == []
