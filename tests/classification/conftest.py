"""Discs to classify, and a classifier trained on them."""

from pathlib import Path

import pytest

from classification.run import TrainResult
from tests.support.tiny_classifier import train_tiny
from tests.support.tiny_run import write_archive


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Path:
    """100 discs, red or blue (in this order, which is not the alphabet's), of three sizes."""
    return write_archive(tmp_path_factory.mktemp("discs") / "discs.zip", count=100, grain=True)


@pytest.fixture(scope="session")
def trained(discs, tmp_path_factory) -> TrainResult:
    """Ten epochs on the discs' colours."""
    return train_tiny(discs, tmp_path_factory.mktemp("trained") / "run", epochs=10)
