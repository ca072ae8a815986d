import pytest

from torch_utils.errors import BuildError
from torch_utils.ops.compiler.flags import ARCHITECTURES, cuda_flags

KNOWN = ("75", "80", "90", "120")


def targets(*architectures: str, portable: bool = False) -> list[str]:
    flags = cuda_flags(architectures, KNOWN, portable=portable)
    return [flag.removeprefix("-gencode=") for flag in flags if flag.startswith("-gencode")]


def test_a_card_gets_code_of_its_own_and_nothing_else():
    assert targets("90") == ["arch=compute_90,code=sm_90"]


def test_a_portable_library_ends_with_ptx_of_the_newest():
    wanted = ["arch=compute_80,code=sm_80", "arch=compute_90,code=sm_90", "arch=compute_120,code=compute_120"]
    assert targets("80", "90", portable=True) == wanted


def test_a_card_newer_than_nvcc_gets_ptx_of_the_newest_it_knows():
    assert targets("130") == ["arch=compute_120,code=compute_120"]


def test_a_card_too_old_for_nvcc_is_refused():
    with pytest.raises(BuildError, match="a card of compute capability 61: this nvcc compiles for 75 and newer"):
        targets("61")


def test_what_is_no_number_is_refused():
    with pytest.raises(BuildError, match="sm_90: not a compute capability. Write for example 90."):
        targets("sm_90")


def test_every_card_from_turing_to_blackwell_is_on_the_list():
    assert ARCHITECTURES == ("75", "80", "86", "89", "90", "100", "120")
