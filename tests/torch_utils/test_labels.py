import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_utils.errors import ConfigError
from torch_utils.labels import UNLABELLED, LabelSet, encode, label_dim, parse_choices

GENDER = LabelSet(name="gender", classes=("male", "female"))
STATUS = LabelSet(name="status", classes=("noble", "warrior", "incarnation", "commoner"))
SETS = (GENDER, STATUS)


def test_each_set_has_one_more_column_for_the_unlabelled():
    assert (GENDER.width, STATUS.width) == (3, 5)
    assert label_dim(SETS) == 8
    assert label_dim(()) == 0


def test_codes_of_several_sets_stand_side_by_side():
    codes = encode(torch.tensor([[1, 0], [UNLABELLED, 3], [0, UNLABELLED]]), SETS)
    assert codes.dtype == torch.float32
    assert codes.tolist() == [[0, 1, 0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0, 1]]


@given(rows=st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 3)), max_size=20))
def test_codes_can_be_read_back(rows):
    codes = encode(torch.tensor(rows, dtype=torch.int64).reshape(-1, 2), SETS)
    assert codes.shape == (len(rows), 8)
    assert (codes.sum(dim=1) == 2).all()
    for row, code in zip(rows, codes, strict=True):
        found = [int(part.argmax()) for part in code.split([3, 5])]
        assert [index if index < width else -1 for index, width in zip(found, (2, 4), strict=True)] == list(row)


def test_without_label_sets_codes_have_no_width():
    assert encode(torch.zeros(4, 0, dtype=torch.int64), ()).shape == (4, 0)


def test_codes_need_one_column_per_set():
    with pytest.raises(ValueError, match="zip"):
        encode(torch.zeros(4, 1, dtype=torch.int64), SETS)


def test_a_class_is_found_by_name():
    assert STATUS.index("warrior") == 1
    assert STATUS.index("unlabelled") == UNLABELLED


def test_an_unknown_class_is_refused_with_those_there_are():
    words = "status=samurai: no such class. Use one of noble, warrior, incarnation, commoner or unlabelled."
    with pytest.raises(ConfigError, match=words):
        STATUS.index("samurai")


def test_choices_are_read_by_set():
    assert parse_choices(["status=warrior", "gender=unlabelled"], SETS) == {"status": 1, "gender": UNLABELLED}
    assert parse_choices([], SETS) == {}


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (["warrior"], "--class warrior: not of the form set=class, for example status=warrior."),
        (["age=old"], r"--class age=old: no label set 'age' in this network \(label sets: gender, status\)."),
        (["gender=male", "gender=female"], "--class gender=female: gender is given twice. Give each label set once."),
        (["status="], "status=: no such class. Use one of noble, warrior"),
        (["status=a=b"], "status=a=b: no such class."),
    ],
)
def test_wrong_choices_are_refused_by_name(choices, words):
    with pytest.raises(ConfigError, match=words):
        parse_choices(choices, SETS)


def test_a_network_without_labels_says_so():
    with pytest.raises(ConfigError, match=r"label sets: none, it was trained without --cond"):
        parse_choices(["status=warrior"], ())
