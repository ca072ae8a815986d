"""Malicious checkpoints: each is refused by name, nothing in it runs, and it costs little time and memory."""

import io
import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.storage import TypedStorage

from networks.public import importing
from networks.public.importing import read_public
from tests.support.public_files import network_pickle, pickled, saved_by_torch, write
from torch_utils.errors import SnapshotError

_PROTOCOL = b"\x80\x04"


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def by_name(module: str, name: str, arguments: bytes = b"(X\x04\x00\x00\x00evilt") -> bytes:
    """A call of a function by its name: protocol 2, GLOBAL, a tuple, REDUCE."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + arguments + b"R."


def in_storage(nested: bytes) -> bytes:
    """A pickle nested where a tensor's numbers should be."""
    return pickled(network_pickle(extra=Calls(torch.storage._load_from_bytes, nested)))


def storage_bytes() -> bytes:
    """What stands in a pickle where a tensor's numbers should be: three of them, in the old format of torch.save."""
    numbers = torch.ones(3).untyped_storage()
    return saved_by_torch(TypedStorage(wrap_storage=numbers, dtype=torch.float32, _internal=True), as_zip=False)


def behind_head(nested: bytes) -> bytes:
    """The same with another pickle in the place of the storage's."""
    content = storage_bytes()
    return content[: content.index(b"\x80\x02(X\x07\x00\x00\x00storage")] + nested


def storage_claiming(count: int) -> bytes:
    good = storage_bytes()
    assert good.count(b"K\x03N") == 1
    return good.replace(b"K\x03N", b"\x8a\x06" + struct.pack("<Q", count)[:6] + b"N")


def dtype_of_objects() -> bytes:
    array = np.array([Calls(os.system, "true")], dtype=object)
    return pickled(network_pickle(extra=array))


def setstate(target: bytes) -> bytes:
    return _PROTOCOL + target + b"}(X\x09\x00\x00\x00__class__X\x01\x00\x00\x00xub."


def nested_lists(depth: int) -> bytes:
    return _PROTOCOL + b"]" * depth + b"a" * (depth - 1) + b"."


def nested_keys(depth: int) -> bytes:
    return _PROTOCOL + b"}" + b")" + b"\x85" * depth + b"Ns."


def doubling(times: int) -> bytes:
    """A list of two lists of two lists …: small in memory, without end to walk through."""
    step = b"".join(b"]" + b"(" + b"h\x00" * 2 + b"e" + b"q\x00" + b"0" for _ in range(times))
    return _PROTOCOL + b"]q\x000" + step + b"}X\x05\x00\x00\x00G_emah\x00s."


def copies(kind: bytes, count: int = 2000, then: bytes = b"") -> bytes:
    """One long list, or what `then` makes of it, copied again and again."""
    members = b"".join(b"J" + struct.pack("<i", i) for i in range(100_000))
    long = (then + b"](" + members + b"e" + (b"\x85R" if then else b"")) + b"q\x000"
    return _PROTOCOL + long + b"](" + (kind + b"(h\x00tR") * count + b"e."


def copies_of_a_text(count: int) -> bytes:
    """A long text, as bytes again and again."""
    long = b"X" + struct.pack("<I", 10**6) + b"x" * 10**6 + b"q\x000"
    return _PROTOCOL + long + b"](" + b"c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR" * count + b"e."


def copies_into_records(count: int) -> bytes:
    """A long state, of one object after the other."""
    long = b"}(" + b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(100_000)) + b"uq\x000"
    return _PROTOCOL + long + b"](" + b"cdnnlib.util\nfoo\n)Rh\x00b" * count + b"e."


def colliding_keys(count: int) -> bytes:
    """Numbers of one hash: a dict of n of them takes n² steps."""
    numbers = [(i * (2**61 - 1)).to_bytes(12, "little") for i in range(count)]
    return _PROTOCOL + b"}(" + b"".join(b"\x8a\x0c" + number + b"N" for number in numbers) + b"u."


def colliding_memo(count: int) -> bytes:
    """The same in the numbers under which values are kept, which text can make as large as it likes."""
    return _PROTOCOL + b"N" + b"".join(b"p%d\n" % (i * (2**61 - 1)) for i in range(count)) + b"."


ATTACKS: dict[str, tuple[bytes, str]] = {
    "os.system": (pickled(Calls(os.system, "touch ran")), r"posix\.system is not let in"),
    "os.system as a weight": (pickled(network_pickle(G_ema=Calls(os.system, "touch ran"))), r"posix\.system is not"),
    "eval": (pickled(Calls(eval, "open('ran', 'w')")), r"builtins\.eval is not let in"),
    "exec": (pickled(Calls(exec, "open('ran', 'w')")), r"builtins\.exec is not let in"),
    "open": (pickled(Calls(open, "ran", "w")), r"io\.open is not let in"),
    "subprocess": (pickled(Calls(subprocess.Popen, ["touch", "ran"])), r"subprocess\.Popen is not let in"),
    "import": (pickled(Calls(__import__, "this")), r"builtins\.__import__ is not let in"),
    "getattr": (by_name("builtins", "getattr"), r"builtins\.getattr is not let in"),
    "operator chain": (by_name("operator", "attrgetter"), r"operator\.attrgetter is not let in"),
    "partial": (by_name("functools", "partial"), r"functools\.partial is not let in"),
    "dotted name": (
        _PROTOCOL + b"\x8c\x0bcollections\x8c\x19OrderedDict.__class__.mro\x93.",
        r"collections\.OrderedDict\.__class__\.mro is not let in",
    ),
    "torch.load": (by_name("torch.serialization", "load"), r"torch\.serialization\.load is not let in"),
    "torch hub": (by_name("torch.hub", "load"), r"torch\.hub\.load is not let in"),
    "jit": (by_name("torch.jit._serialization", "load"), r"torch\.jit\._serialization\.load is not let in"),
    "numpy load": (by_name("numpy", "load"), r"numpy\.load is not let in"),
    "numpy object dtype": (dtype_of_objects(), r"numpy\.dtype 'O8' is not let in"),
    "dtype with fields": (
        pickled(network_pickle(extra=np.dtype([("a", "f4")]))),
        r"numpy\.dtype 'V4' is not let in",
    ),
    "in a tensor's bytes, plain": (in_storage(pickle.dumps(Calls(os.system, "touch ran"))), r"posix\.system inside"),
    "in a tensor's bytes, behind torch's head": (
        in_storage(behind_head(by_name("os", "system", b"(X\x09\x00\x00\x00touch rant"))),
        r"os\.system inside a tensor's bytes is not let in",
    ),
    "a reduced record class": (by_name("dnnlib.util", "call_func_by_name"), "it has no G_ema"),
    "call of a record": (
        _PROTOCOL + b"cdnnlib.util\nfoo\n)R" + b")R.",
        r"a call of dnnlib\.util\.foo is not let in",
    ),
    "call of a number": (_PROTOCOL + b"K\x01)R.", "a call of 1 is not let in"),
    "call of an array type": (by_name("numpy", "ndarray"), r"a call of numpy\.ndarray is not let in"),
    "setstate of a list": (setstate(b"]"), r"a state for \[\] is not let in"),
    "setstate of a constructor": (
        setstate(b"ccollections\nOrderedDict\n"),
        r"a state for collections\.OrderedDict is not let in",
    ),
    "persistent id": (_PROTOCOL + b"X\x01\x00\x00\x00xQ.", "instruction BINPERSID is not let in"),
    "persistent id in text": (b"Pevil\n.", "instruction PERSID is not let in"),
    "extension code": (b"\x80\x02\x82\x7f)R.", "instruction EXT1 is not let in"),
    "inst": (b"(S'touch ran'\nios\nsystem\n.", "is not let in"),
    "obj": (b"\x80\x02(cos\nsystem\no.", r"os\.system is not let in"),
    "newobj_ex": (
        _PROTOCOL + b"ccollections\nOrderedDict\n)}\x92.",
        "instruction NEWOBJ_EX is not let in",
    ),
    "out-of-band buffer": (b"\x80\x05\x97.", "instruction NEXT_BUFFER is not let in"),
    "huge bytes": (_PROTOCOL + b"\x8e" + struct.pack("<Q", 2**60) + b"x.", "damaged"),
    "huge text": (_PROTOCOL + b"X\xff\xff\xff\xffx.", "damaged"),
    "huge memo index": (_PROTOCOL + b"Nr\xff\xff\xff\xff.", "it has no G_ema"),
    "huge number": (_PROTOCOL + b"\x8b\x00\x00\x10\x00" + b"\x7f" * 2**20 + b".", "very large number"),
    "huge storage": (in_storage(storage_claiming(2**39)), "storage is cut short|another length than said"),
    "huge array": (
        pickled(
            network_pickle(
                extra=Calls(np._core.multiarray._reconstruct, np.ndarray, (2**39,), b"b"),
            )
        ),
        "a numpy.ndarray that begins with contents",
    ),
    "huge tensor of a small storage": (
        pickled(network_pickle(extra=torch.ones(1).expand(2**36))),
        "tensor larger than its storage",
    ),
    "nested lists": (nested_lists(500_000), "holds a list of networks"),
    "nested keys": (nested_keys(100_000), "a key is a tuple"),
    "doubling": (doubling(100), "it has no G_ema"),
    "copies of a list": (copies(b"cbuiltins\nset\n"), "more instructions than any network"),
    "copies in a dict": (copies(b"ccollections\nOrderedDict\n"), "a pair is 0"),
    "copies of a set": (copies(b"cbuiltins\nset\n", then=b"cbuiltins\nset\n"), "more instructions than any"),
    "copies of a text": (copies_of_a_text(2000), "more instructions than any network"),
    "copies into records": (copies_into_records(2000), "more instructions than any network"),
    "nested members": (_PROTOCOL + b"\x8f(" + b")" + b"\x85" * 100_000 + b"\x90.", "a key is a tuple"),
    "nested frozen members": (_PROTOCOL + b"(" + b")" + b"\x85" * 100_000 + b"\x91.", "a key is a tuple"),
    "two values": (_PROTOCOL + b"}}.", "it does not end in one value"),
    "instructions without end": (_PROTOCOL + b"}" * 3_000_000 + b".", "more instructions than any network"),
    "colliding keys": (colliding_keys(50), "a key is a very large number"),
    "colliding memo": (colliding_memo(50), "keeps a value at a very large number"),
    "memo index below zero": (_PROTOCOL + b"Np-1\n.", "keeps a value at a very large number"),
}  # fmt: skip


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """An empty working folder, and no way to start a program or an unpickler unnoticed."""
    ran: list[str] = []
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(os, "system", lambda *_: ran.append("os.system"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: ran.append("Popen"))
    monkeypatch.setattr(pickle, "load", lambda *_, **__: ran.append("pickle.load"))
    monkeypatch.setattr(pickle, "loads", lambda *_, **__: ran.append("pickle.loads"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: ran.append("torch.load"))
    yield ran
    assert ran == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_malicious_pickle_is_refused_by_name_and_nothing_runs(watched, tmp_path, attack):
    content, message = ATTACKS[attack]
    path = write(tmp_path / "network.pkl", content)
    before = set(sys.modules)
    with pytest.raises(SnapshotError, match=message) as error:
        read_public(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(path))
    assert {name for name in set(sys.modules) - before if name in ("this", "antigravity")} == set()


@pytest.mark.parametrize("attack", ["huge storage", "huge bytes", "huge text", "copies of a list", "doubling"])
def test_an_attack_costs_little_time_and_memory(tmp_path, attack):
    path = write(tmp_path / "network.pkl", ATTACKS[attack][0])
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(SnapshotError):
        read_public(path)
    assert time.monotonic() - began < 20
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


TORCH_ATTACKS = {
    "function": (OrderedDict(g_ema=Calls(os.system, "touch ran")), r"posix\.system is not let in"),
    "module": (torch.nn.Linear(2, 2), "it has no g_ema|persistent id is not let in: 'module'"),
    "getattr": (Calls(getattr, "x", "upper"), r"__builtin__\.getattr is not let in"),
    "text to bytes": (Calls(torch.storage._load_from_bytes, b"x"), r"torch\.storage\._load_from_bytes is not let in"),
}


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("attack", TORCH_ATTACKS)
def test_a_malicious_torch_file_is_refused_by_name_and_nothing_runs(watched, tmp_path, attack, as_zip):
    held, message = TORCH_ATTACKS[attack]
    path = write(tmp_path / "g.pt", saved_by_torch(held, as_zip=as_zip))
    with pytest.raises(SnapshotError, match=message):
        read_public(path)


def test_a_torch_file_whose_bytes_were_changed_is_refused(tmp_path):
    content = bytearray(saved_by_torch({"g_ema": {"style.1.weight": torch.ones(64, 64)}}))
    content[content.index(struct.pack("<f", 1.0) * 8)] ^= 1
    with pytest.raises(SnapshotError, match="Bad CRC-32"):
        read_public(write(tmp_path / "g.pt", bytes(content)))


def test_a_compressed_torch_file_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**7)
    with pytest.raises(SnapshotError, match="its entries are compressed"):
        read_public(write(tmp_path / "g.pt", buffer.getvalue()))


def test_a_torch_file_whose_entry_begins_beyond_any_file_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02N.")
    content = buffer.getvalue()
    begin, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    extra = struct.pack("<HHQ", 1, 8, 2**63 + 5)  # of zip64: where the entry begins
    entry = bytearray(content[begin:end]) + extra
    entry[30:32], entry[42:46] = struct.pack("<H", len(extra)), b"\xff" * 4
    tail = bytearray(content[end:])
    tail[12:16] = struct.pack("<I", len(entry))
    with pytest.raises(SnapshotError, match="damaged"):
        read_public(write(tmp_path / "g.pt", content[:begin] + entry + tail))


@pytest.mark.parametrize("name", ["network.pkl", "g.pt"])
@pytest.mark.parametrize("content", [b"", b"\x80", b"hello", b"PK\x03\x04", b"\x80\x04.", b"\x80\x04N."])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, name, content):
    with pytest.raises(SnapshotError, match="not imported: ") as error:
        read_public(write(tmp_path / name, content))
    assert "\n" not in str(error.value)


def test_a_file_larger_than_any_checkpoint_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_MOST_BYTES", 99)
    with pytest.raises(SnapshotError, match="100 bytes, more than any public checkpoint"):
        read_public(write(tmp_path / "network.pkl", b"x" * 100))


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    Path(tmp_path / "folder.pkl").mkdir()
    with pytest.raises(SnapshotError, match=r"folder\.pkl: not readable"):
        read_public(tmp_path / "folder.pkl")
    with pytest.raises(SnapshotError, match=r"no\.pkl: no such file"):
        read_public(tmp_path / "no.pkl")
