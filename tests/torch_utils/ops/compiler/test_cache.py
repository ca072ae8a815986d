import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.toolchains import answer
from torch_utils.errors import StorageError
from torch_utils.ops.compiler import cache
from torch_utils.ops.compiler.cache import cache_folders, cache_key, commit, find_intact, processor, writable_folder
from torch_utils.ops.compiler.host_compiler import HostCompiler
from torch_utils.ops.compiler.library import Library


@pytest.fixture
def library(tmp_path) -> Library:
    header = tmp_path / "common.h"
    header.write_text("// nothing yet\n")
    return replace(answer(tmp_path), headers=(header,))


@pytest.fixture
def key(library, toolchain):
    """The key of the library, with another C++ compiler or other flags."""

    def of(*, flags=("-O3",), compiler="g++ 12") -> str:
        return cache_key(library, replace(toolchain, host=HostCompiler(("g++",), compiler)), flags)

    return of


def test_the_same_again_has_the_same_key(key):
    assert key() == key()


def test_other_sources_headers_flags_and_compilers_have_other_keys(key, library):
    keys = {key(), key(flags=("-O2",)), key(compiler="g++ 13")}
    library.sources[0].write_text("int other;\n")
    keys.add(key())
    library.headers[0].write_text("// something\n")
    keys.add(key())
    assert len(keys) == 5


def test_another_processor_or_torch_has_another_key(key, monkeypatch):
    keys = {key()}
    monkeypatch.setattr(cache, "processor", lambda: "avx512f")
    keys.add(key())
    monkeypatch.setattr(cache.torch, "__version__", "2.12.0")
    keys.add(key())
    assert len(keys) == 3


def test_a_processor_is_known_by_its_instruction_sets(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: sse2 avx2\n\nflags\t\t: other\n")
    assert processor(cpuinfo) == "avx2 sse2"
    cpuinfo.write_text("processor : 0\nFeatures : fp asimd\n")
    assert processor(cpuinfo) == "asimd fp"


def test_the_cache_is_the_users_own_then_a_temporary_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    here, there = cache_folders({"XDG_CACHE_HOME": "/x"})
    assert here == Path("/x/kaokore-stylegan/ops")
    assert there == tmp_path / f"kaokore-stylegan-{os.getuid()}/ops"
    assert cache_folders({"HOME": "/home/me"})[0] == Path("/home/me/.cache/kaokore-stylegan/ops")


def test_where_the_first_folder_cannot_be_made_the_second_is_taken(tmp_path):
    (tmp_path / "file").touch()
    folders = [tmp_path / "file/ops", tmp_path / "other/ops"]
    assert writable_folder(folders) == folders[1]


def test_where_none_can_be_made_the_first_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=f"{tmp_path}/file/ops: could not be written .Not a directory.. Choose"):
        writable_folder([tmp_path / "file/ops", tmp_path / "file/other"])


def test_a_folder_that_anyone_may_write_to_is_neither_used_nor_believed(tmp_path):
    entry = stored(tmp_path / "open")
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(StorageError, match="not writable .it belongs to another user, or anyone may write to it."):
        writable_folder([tmp_path / "open"])
    assert find_intact([tmp_path / "open"], entry) is None
    (tmp_path / "open").chmod(0o755)
    assert find_intact([tmp_path / "open"], entry) is not None


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_an_entry_of_another_user_is_not_believed(tmp_path):
    entry = stored(tmp_path / "cache")
    os.chown(tmp_path / "cache" / entry, 12345, 12345)
    assert find_intact([tmp_path / "cache"], entry) is None


def stored(folder: Path) -> str:
    """Store a library in a cache; gives the entry's name."""
    made = folder / ".made"
    made.mkdir(parents=True)
    (made / "library.so").write_bytes(b"code")
    assert commit(made, folder / "ops_cpu-1") == folder / "ops_cpu-1/library.so"
    assert not made.exists()
    return "ops_cpu-1"


@pytest.mark.parametrize("damage", [b"cod", b"code!", b"bode", b""])
def test_a_damaged_library_is_not_found(tmp_path, damage):
    entry = stored(tmp_path)
    assert find_intact([tmp_path / "absent", tmp_path], entry) == tmp_path / entry / "library.so"
    (tmp_path / entry / "library.so").write_bytes(damage)
    assert find_intact([tmp_path], entry) is None


def test_an_entry_without_its_digest_is_not_found(tmp_path):
    entry = stored(tmp_path)
    (tmp_path / entry / "sha256").unlink()
    assert find_intact([tmp_path], entry) is None


def test_what_another_has_stored_meanwhile_stays_and_what_is_damaged_is_replaced(tmp_path):
    entry = stored(tmp_path)
    made = tmp_path / ".second"
    for damaged, expected in ((False, b"code"), (True, b"new")):
        made.mkdir()
        (made / "library.so").write_bytes(b"new")
        if damaged:
            (tmp_path / entry / "library.so").write_bytes(b"rotten")
        assert commit(made, tmp_path / entry).read_bytes() == expected
        assert not made.exists()
