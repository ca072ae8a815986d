"""The two formats of torch.save, and storages nested in pickles: read as tensors only, by our own machine."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch

from networks.public.arrays import Storage, flat
from networks.public.bounds import Budget
from networks.public.machine import Globals, Machine
from networks.public.names import CONTAINERS, NUMBERS, TENSORS, storages_only, table
from networks.public.records import Constant, RefusedError, expect, shown

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of torch.save before its zip format
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class _Place:
    """What a persistent id says of a storage."""

    kind: torch.dtype
    count: int


def read_torch_file(content: bytes) -> Any:
    """What torch.save wrote: plain containers, numbers, tensors.

    Raises:
        RefusedError: damaged, or anything else in it.
    """
    read = _read_zip if content.startswith(_ZIP) else _read_legacy
    return read(content, table(CONTAINERS, NUMBERS, TENSORS), Budget())


def nested_storage(budget: Budget) -> Callable[[Any], Storage]:
    """torch.storage._load_from_bytes without what makes it dangerous: the bytes may hold a storage and nothing else.

    Bytes that are read twice give the same storage, so that a pickle cannot multiply them.
    """
    seen: dict[int, tuple[bytes, Storage]] = {}

    def read(content: Any) -> Storage:
        content = expect(content, bytes, "a tensor's bytes")
        if id(content) not in seen:
            made = _read_legacy(content, storages_only, budget)
            seen[id(content)] = content, expect(made, Storage, "what stands in a tensor's bytes")
        return seen[id(content)][1]

    return read


def _read_legacy(content: bytes, names: Globals, budget: Budget) -> Any:
    """Magic, protocol, machine, the object, the storages' keys, and then each storage: its length and its numbers.

    The object stands before the numbers it refers to, so it is read twice: for what it refers to, then for itself.
    """
    stream = BytesIO(content)
    magic, protocol, machine = (Machine(stream, storages_only, budget).run() for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL):
        raise RefusedError("not a file of torch.save")
    if expect(machine, dict, "what it says of its machine").get("little_endian") is not True:
        raise RefusedError("written on a machine with another order of bytes")
    places: dict[str, _Place] = {}
    start = stream.tell()
    Machine(stream, _without_tensors(names), budget, _noting(places)).run()
    stored = expect(Machine(stream, storages_only, budget).run(), list, "its list of storages")
    storages: dict[str, Storage] = {}
    position = stream.tell()
    for key in stored:
        place = places.get(expect(key, str, "a storage's key"))
        if place is None:
            raise RefusedError("damaged: a storage that nothing refers to")
        if int.from_bytes(content[position : position + 8], "little") != place.count:
            raise RefusedError("damaged: a storage of another length than said")
        position += 8
        storages[key] = Storage(flat(memoryview(content)[position:], place.kind, place.count))
        position += place.count * place.kind.itemsize
    stream.seek(start)
    return Machine(stream, names, budget, _fetching(lambda key, place: storages.get(key))).run()


def _without_tensors(names: Globals) -> Globals:
    """The same names, tensors left out, for a run that only finds out what is referred to."""
    inert = table(CONTAINERS, NUMBERS, {name: lambda *_: None for name in TENSORS})
    return names if names is storages_only else inert


def _read_zip(content: bytes, names: Globals, budget: Budget) -> Any:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = _members(archive, len(content))
            pickled = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickled) != 1:
                raise RefusedError("not a file of torch.save: it has no data.pkl")
            folder = pickled[0].removesuffix("data.pkl")
            order = members.get(folder + "byteorder", b"little")
            if order != b"little":
                raise RefusedError("written on a machine with another order of bytes")
            read: dict[str, Storage] = {}

            def fetch(key: str, place: _Place) -> Storage | None:
                numbers = members.get(f"{folder}data/{key}")
                if key not in read and numbers is not None:
                    read[key] = Storage(flat(numbers, place.kind, place.count))
                return read.get(key)

            return Machine(BytesIO(members[pickled[0]]), names, budget, _fetching(fetch)).run()
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
        OverflowError,
    ) as error:
        raise RefusedError(f"damaged ({' '.join(str(error).split())[:80]})") from error


def _members(archive: zipfile.ZipFile, length: int) -> Mapping[str, bytes]:
    """Every entry's bytes, their checksums compared; torch stores without compressing, so nothing grows."""
    infos = archive.infolist()
    packed = [info for info in infos if info.compress_type != zipfile.ZIP_STORED]
    if packed or sum(info.file_size for info in infos) > length:
        raise RefusedError("not a file of torch.save: its entries are compressed")
    return {info.filename: archive.read(info) for info in infos}


def _noting(places: dict[str, _Place]) -> Callable[[Any], None]:
    def note(reference: Any) -> None:
        key, place = _place(reference)
        if places.setdefault(key, place) != place:
            raise RefusedError("damaged: a storage of two types")

    return note


def _fetching(fetch: Callable[[str, _Place], Storage | None]) -> Callable[[Any], Storage]:
    def find(reference: Any) -> Storage:
        key, place = _place(reference)
        storage = fetch(key, place)
        if storage is None or (storage.values.dtype, len(storage.values)) != (place.kind, place.count):
            raise RefusedError("damaged: a storage is not there")
        return storage

    return find


def _place(reference: Any) -> tuple[str, _Place]:
    """("storage", type, key, device, count), in old files with None for no view."""
    parts = expect(reference, tuple, "a reference")
    if len(parts) not in (5, 6) or parts[0] != "storage" or parts[5:] not in ((), (None,)):
        raise RefusedError(f"a persistent id is not let in: {shown(parts[0] if parts else parts)}")
    kind = expect(parts[1], Constant, "a storage's type").value
    count = expect(parts[4], int, "a storage's length")
    if not isinstance(kind, torch.dtype) or not 0 <= count < 2**40:
        raise RefusedError(f"a storage is of {shown(parts[1])}, length {shown(count)}")
    return expect(parts[2], str, "a storage's key"), _Place(kind, count)
