"""What every test may use."""

from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run beside each other; one thread each is faster and repeatable."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return REPOSITORY


def pytest_addoption(parser) -> None:
    """An option that tests/support/emulated.py gives to the tests that it starts."""
    parser.addoption("--emulated-library", help="test the kernels of this library instead of compiling them")


@pytest.fixture(scope="session")
def shared() -> Path:
    """`../shared` beside the checkout (golden numbers, real pictures, weights); skips, counted, where it is absent."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    return folder
