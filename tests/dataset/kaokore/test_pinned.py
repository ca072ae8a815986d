import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.kaokore import index_files, versions
from dataset.kaokore.index import MetadataError
from dataset.kaokore.index_files import cache_folder, load_index
from dataset.web.http import Limits
from dataset.web.user_agent import user_agent
from tests.support.drawn_kaokore import index_files as drawn_files
from tests.support.drawn_kaokore import lines_of
from tests.support.fake_iiif import Server, serve
from torch_utils.errors import ConfigError, DataError

FILES = drawn_files(lines_of())


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The drawn files as if they were v1.3's official ones, and a cache of its own."""
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in FILES.items()}
    monkeypatch.setitem(versions.VERSIONS, "1.3", replace(versions.VERSIONS["1.3"], digests=digests))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def publish(server: Server, **changed: bytes) -> str:
    texts = FILES | {name.replace("_", "."): text for name, text in changed.items()}
    server.documents.update({f"raw/dataset_v1.3/{name}": text for name, text in texts.items()})
    return server.base("raw")


def test_index_files_are_downloaded_once_and_kept(pinned: None) -> None:
    with serve() as server:
        home = publish(server)
        assert len(load_index(None, "1.3", home=home).reachable) == 23
        assert len(load_index(None, "1.3", home=home).reachable) == 23
        assert len(server.log) == 3
    assert (cache_folder() / "dataset_v1.3" / "urls.txt").read_bytes() == FILES["urls.txt"]


def test_bytes_that_are_not_those_pinned_are_refused_and_not_kept(pinned: None) -> None:
    with serve() as server:
        home = publish(server, urls_txt=FILES["urls.txt"] + b"\n")
        with pytest.raises(MetadataError, match=r"urls\.txt: its SHA-256 is not the one pinned\. Nothing was kept"):
            load_index(None, "1.3", home=home)
    assert not (cache_folder() / "dataset_v1.3" / "urls.txt").exists()


def test_a_damaged_cache_is_downloaded_again(pinned: None) -> None:
    with serve() as server:
        home = publish(server)
        load_index(None, "1.3", home=home)
        (cache_folder() / "dataset_v1.3" / "urls.txt").write_bytes(b"rubbish")
        assert len(load_index(None, "1.3", home=home).reachable) == 23
        assert len(server.log) == 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("404", "status 404"),
        ("503", "status 503"),
        ("endless", "sends more than 1 MiB"),
        ("ten gigabytes", "announces more than 1 MiB"),
        ("drip", "took more than 1 s"),
        ("redirect to loopback", "leads to http://127.0.0.1:9, which is not among the allowed"),
        ("redirect to a file", "leads to file://"),
    ],
)
def test_a_download_that_fails_says_what_to_do(
    pinned: None, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setattr(index_files, "FILE_LIMITS", Limits(most_bytes=1 << 20, most_seconds=1.0))
    monkeypatch.setattr(index_files, "TRIES", 1)
    with serve(lambda host, path, before: fault) as server:
        home = publish(server)
        with pytest.raises(DataError, match=rf"labels\.csv: {words}.*give a clone of rois-codh/kaokore with --source"):
            load_index(None, "1.3", home=home)


def test_the_index_comes_by_https_from_one_pinned_commit() -> None:
    assert f"https://raw.githubusercontent.com/rois-codh/kaokore/{versions.COMMIT}" == versions.HOME
    assert len(versions.COMMIT) == 40


@pytest.mark.parametrize("contact", ["me@example.org", "https://example.org/~me"])
def test_the_user_agent_names_project_version_and_contact(contact: str) -> None:
    assert user_agent(contact).startswith("kaokore-stylegan/0.")
    assert contact in user_agent(contact)


@pytest.mark.parametrize("contact", ["a\r\nHost: b", "名前", "a(b)"])
def test_a_contact_that_could_break_a_header_is_refused(contact: str) -> None:
    with pytest.raises(ConfigError, match="cannot stand in a header"):
        user_agent(contact)
