import errno
import os
import stat
from pathlib import Path

import pytest

from torch_utils.errors import StorageError
from torch_utils.files import atomic_write, storage_error, sweep, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_utf8(tmp_path):
    write_text(tmp_path / "a.txt", "顔貌コレクション\n")
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8") == "顔貌コレクション\n"


def test_missing_folders_are_made(tmp_path):
    write_text(tmp_path / "one" / "two" / "a.txt", "text")
    assert (tmp_path / "one" / "two" / "a.txt").read_text() == "text"


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_the_file_is_not_there_before_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.parent == tmp_path
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError("our own fault"), KeyboardInterrupt()])
def test_a_failure_inside_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(type(failure)), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise failure
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_said_in_one_line_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StorageError, match="a.txt: no space left on the disk. Free some and run the same command again."
    ):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_rename_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def refuse(self, target):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match=r"a.txt: not writable \(Permission denied\). Choose another folder."):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="a.txt: could not be written .* Choose another place."):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_the_data_is_synced_before_the_name_changes(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(descriptor):
        order.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def note_rename(self, target):
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    write_text(tmp_path / "a.txt", "text")
    assert order == ["sync file", "rename", "sync folder"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EDQUOT, "no space left on the disk"),
        (errno.EFBIG, "no space left on the disk"),
        (errno.EACCES, "not writable"),
        (errno.EPERM, "not writable"),
        (errno.EROFS, "not writable"),
        (errno.EIO, "could not be written"),
    ],
)
def test_each_reason_has_its_words(number, words):
    message = str(storage_error(Path("out/a.png"), OSError(number, os.strerror(number))))
    assert message.startswith(f"out/a.png: {words}")
    assert "\n" not in message


def test_sweeping_removes_what_a_killed_process_left_and_nothing_else(tmp_path):
    import os

    left, own, other = (tmp_path / name for name in (".a.pt.tmp-999999999", f".b.pt.tmp-{os.getpid()}", "c.pt"))
    for path in (left, own, other):
        path.write_text("x")
    sweep(tmp_path)
    assert not left.exists()
    assert own.exists()
    assert other.exists()
