import pytest
import torch

from torch_utils.ops.cases import CASES, Pictures
from torch_utils.ops.comparison import compare

WARP = next(case for case in CASES if case.op == "kaokore::warp")


def registered_ops() -> set[str]:
    names = torch._C._dispatch_get_all_op_names()
    return {name.partition(".")[0] for name in names if name.startswith("kaokore::")}


def test_every_op_of_ours_has_a_case():
    assert {case.op for case in CASES} == registered_ops()


def test_no_two_cases_have_the_same_name():
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_runs_and_agrees_with_itself(case):
    result = compare(case, Pictures(dtype=torch.float64))
    assert result.agrees, str(result)


@pytest.fixture
def body():
    """Give warp another body on the CPU, for as long as a test lasts."""
    libraries = []

    def give(function, name="warp"):
        libraries.append(torch.library.Library("kaokore", "IMPL"))
        libraries[-1].impl(name, function, "CPU")

    yield give
    for library in libraries:
        library._destroy()


def test_a_wrong_forward_is_seen(body):
    body(lambda x, matrices, size: x)
    forward, backward, twice = (difference > 0.1 for difference in compare(WARP, Pictures()).differences)
    assert (forward, backward, twice) == (True, False, True)


def test_a_wrong_backward_is_seen(body):
    body(lambda dy, matrices, size: dy, "warp_backward")
    forward, backward, twice = (difference > 0.1 for difference in compare(WARP, Pictures()).differences)
    assert (forward, backward, twice) == (False, True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, matrices, size: torch.full_like(x, float("nan")),
        lambda x, matrices, size: x[:, :, 1:],
        lambda x, matrices, size: torch.full_like(x, float("inf")),
    ],
    ids=["NaN", "other shape", "infinite"],
)
def test_what_is_no_number_or_of_another_shape_does_not_agree(body, wrong):
    body(wrong)
    assert not compare(WARP, Pictures()).agrees


def test_a_difference_is_told_with_its_stage_and_what_is_allowed(body):
    body(lambda x, matrices, size: x)
    assert str(compare(WARP, Pictures())).startswith("warp turned: differs by forward ")
    assert str(compare(WARP, Pictures())).endswith("(allowed 1e-05)")
