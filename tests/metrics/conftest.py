"""What the tests of metrics share: an archive, extractors, an exported program."""

from pathlib import Path

import pytest

from dataset.archive import Archive
from tests.support.tiny_program import Counting, extractor_of, write_program
from tests.support.tiny_run import write_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Archive:
    """24 drawn pictures of 16 pixels, 12 in each of the splits train and test."""
    return Archive.open(write_archive(tmp_path_factory.mktemp("archive") / "discs.zip"))


@pytest.fixture
def counting() -> Counting:
    """A network that counts the pictures it sees."""
    return Counting()


@pytest.fixture
def extractor(counting):
    """An extractor named tiny, around the counting network."""
    return extractor_of(counting)


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> tuple[Path, str]:
    """An exported extractor and its digest."""
    path = tmp_path_factory.mktemp("program") / "thumbnails.pt2"
    return path, write_program(path)
