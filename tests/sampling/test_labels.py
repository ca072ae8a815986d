"""Labels of sampled pictures: as asked for, else as often as the training data shows them."""

from collections import Counter

import pytest
import torch

from networks.interface import ImageSpec
from networks.snapshot import SnapshotInfo
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from sampling.labels import class_names, labels_for_seeds
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet

GENDER = LabelSet(name="gender", classes=("male", "female"))
STATUS = LabelSet(name="status", classes=("noble", "warrior", "incarnation"))
# No female warrior, no female incarnation; one face in ten without labels.
COUNTS = (((0, 0), 40), ((1, 0), 20), ((0, 1), 25), ((0, 2), 5), ((-1, -1), 10))
INFO = SnapshotInfo(
    image_spec=ImageSpec(resolution=16, label_sets=(GENDER, STATUS)),
    generator=StyleGAN2GeneratorConfig(),
    label_counts=COUNTS,
)
PLAIN = SnapshotInfo(image_spec=ImageSpec(resolution=16), generator=StyleGAN2GeneratorConfig())


def test_an_unconditional_network_gets_no_columns():
    assert labels_for_seeds(PLAIN, [0, 1, 2]).shape == (3, 0)


def test_labels_come_as_often_as_in_the_training_data():
    drawn = Counter(map(tuple, labels_for_seeds(INFO, range(2000)).tolist()))
    assert drawn.keys() == {row for row, _ in COUNTS}
    for row, count in COUNTS:
        share = count / 100
        assert drawn[row] / 2000 == pytest.approx(share, abs=4 * (share * (1 - share) / 2000) ** 0.5)


def test_a_seeds_label_does_not_depend_on_the_other_seeds():
    together = labels_for_seeds(INFO, [5, 6, 7])
    assert torch.equal(labels_for_seeds(INFO, [7])[0], together[2])


def test_a_chosen_class_holds_for_every_seed_and_the_others_follow_the_data():
    rows = labels_for_seeds(INFO, range(200), {"status": 1})
    assert rows[:, 1].eq(1).all()
    assert rows[:, 0].eq(0).all(), "the data show no female warrior"


def test_a_combination_never_shown_is_made_only_when_it_is_named_whole():
    assert labels_for_seeds(INFO, [0, 1], {"gender": 1, "status": 2}).tolist() == [[1, 2], [1, 2]]


def test_a_class_the_data_never_showed_is_refused_with_the_remedy():
    only_male = SnapshotInfo(image_spec=INFO.image_spec, generator=INFO.generator, label_counts=(((0, 0), 4),))
    with pytest.raises(ConfigError, match="no training picture has gender=female. Choose other classes, or name one"):
        labels_for_seeds(only_male, [0], {"gender": 1})
    with pytest.raises(ConfigError, match="no training picture has status=unlabelled"):
        labels_for_seeds(only_male, [0], {"status": -1})


def test_rows_are_told_in_words():
    assert class_names(INFO, [1, -1]) == {"gender": "female", "status": "unlabelled"}
