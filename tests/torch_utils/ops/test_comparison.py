import pytest
import torch

from tests.support import pretended_op
from tests.support.pretended_op import BACKWARD, NAME, compiled
from torch_utils.ops.cases import CASES, Pictures
from torch_utils.ops.comparison import compare

PRETENDED = pretended_op.CASES[0]


def right(x, factor):
    return x * factor


def test_every_op_of_ours_has_a_case():
    names = {name.partition(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    assert {case.op for case in CASES} == {name for name in names if name.startswith("kaokore::")} - {NAME, BACKWARD}


def test_no_two_cases_have_the_same_name():
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_runs_and_agrees_with_the_plain_body(case):
    result = compare(case, Pictures(dtype=torch.float64))
    assert result.agrees, str(result)


@pytest.mark.parametrize(
    ("bodies", "seen"),
    [
        ({NAME: right, BACKWARD: right}, (False, False, False)),
        ({NAME: lambda x, factor: x}, (True, False, True)),  # the second derivative is the op again
        ({BACKWARD: lambda dy, factor: dy}, (False, True, False)),
    ],
    ids=["right", "wrong forward", "wrong backward"],
)
def test_a_wrong_body_is_seen_at_its_stage(bodies, seen):
    with compiled(bodies):
        result = compare(PRETENDED, Pictures())
    assert tuple(difference > 0.1 for difference in result.differences) == seen
    assert result.agrees is not any(seen)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, factor: torch.full_like(x, float("nan")),
        lambda x, factor: torch.full_like(x, float("inf")),
        lambda x, factor: (x * factor)[:, :, 1:],
        lambda x, factor: x * factor * (1 + 1e-4),
    ],
    ids=["NaN", "infinite", "other shape", "slightly off"],
)
def test_what_is_no_number_or_has_another_shape_or_is_a_little_off_does_not_agree(wrong):
    with compiled({NAME: wrong}):
        assert not compare(PRETENDED, Pictures()).agrees


def test_what_torch_says_of_a_body_that_breaks_is_told():
    def breaks(x, factor):
        raise RuntimeError("no such luck\nmore")

    with compiled({NAME: breaks}):
        result = compare(PRETENDED, Pictures())
    assert not result.agrees
    assert str(result) == "pretended tripled: breaks (no such luck)"


def test_a_difference_is_told_with_its_stages_and_what_is_allowed():
    with compiled({NAME: lambda x, factor: 2 * x * factor}):
        result = compare(PRETENDED, Pictures())
    expected = "pretended tripled: differs by forward 1.0e+00, backward 0.0e+00, twice 1.0e+00 (allowed 1e-05)"
    assert str(result) == expected
