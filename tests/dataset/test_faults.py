"""Hostile and broken input, and kills: what each costs, and that nothing is left half done or outside its place."""

import hashlib
import io
import json
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.convert import Conversion
from dataset.kaokore.adopt import adopt
from dataset.kaokore.folder import KaokoreFolder
from dataset.pack import PackOptions, pack
from tests.support.drawn_kaokore import drawn_index, face, index_files, lines_of
from tests.support.drawn_pictures import blocks, encoded, write_zip
from torch_utils.errors import DataError

ROOT = Path(__file__).parents[2]
COST = """
import json, resource, sys, time
from pathlib import Path
from dataset.convert import Conversion
from dataset.pack import PackOptions, pack
from torch_utils.errors import DataError
start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    pack(sys.argv[1], sys.argv[2], PackOptions(conversion=Conversion(resolution=32)), lambda line: None)
    error = ""
except DataError as found:
    error = str(found)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([error, grown / 1024, time.perf_counter() - start]))
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(height * (1 + 3 * width))) if width * height < 1 << 20 else b"abcd"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def huge_tiff() -> bytes:
    tags = [(256, 40_000), (257, 40_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 40_000), (279, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + bytes(4)


def deflated(size: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", bytes(size))
    return stream.getvalue()


BOMB = zlib.compress(bytes(200 * 2**20), 9)
BOMBS = {
    "zip of zeros": (deflated(300 * 2**20), "a zip bomb"),
    "900 million pixels": (png(30_000, 30_000), "more than 64 million pixels"),
    "colour profile of 200 MiB": (png(40, 40, chunk(b"iCCP", b"p\0\0" + BOMB)), "damaged"),
    "text of 200 MiB": (png(40, 40, chunk(b"zTXt", b"t\0\0" + BOMB)), "damaged"),
    "TIFF of 1600 million pixels": (huge_tiff(), "more than 64 million pixels"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_cost_little_memory_and_time(tmp_path: Path, bomb: str) -> None:
    data, words = BOMBS[bomb]
    source = tmp_path / "in.zip"
    if data.startswith(b"PK"):
        source.write_bytes(data)
    else:
        write_zip(source, {"a.tif" if data.startswith(b"II") else "a.png": data})
    result = subprocess.run(
        [sys.executable, "-c", COST, source, tmp_path / "out.zip"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    error, mebibytes, seconds = json.loads(result.stdout)
    assert words in error
    assert not (tmp_path / "out.zip").exists()
    assert mebibytes < 60
    assert seconds < 5


HOSTILE = ["../../up.jpg", "/tmp/abs.jpg", "C:\\windows.jpg", "..\\..\\up.jpg", "images_256/../../../00000001.jpg"]


@pytest.mark.parametrize("name", HOSTILE)
def test_adopting_writes_nothing_outside_whatever_a_zip_calls_its_pictures(tmp_path: Path, name: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    source = write_zip(work / "in.zip", {"images_256/00000000.jpg": face(0), name: face(1)})
    folder = KaokoreFolder(work / "out", "1.3", "official", True)
    try:
        assert adopt(source, drawn_index(), folder, lambda line: None).adopted == 1
    except DataError as error:  # a name of no version is refused as a whole
        assert "pictures are not in v1.3" in str(error)
    pictures = list(tmp_path.rglob("*.jpg"))
    assert all(path.parent == work / "out" / "images_256" for path in pictures)
    assert not Path("/tmp/abs.jpg").exists()


def test_adopting_reads_through_no_link_in_a_zip(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(face(9))
    link = zipfile.ZipInfo("images_256/00000001.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    source = write_zip(tmp_path / "in.zip", {"images_256/00000000.jpg": face(0)})
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(link, str(tmp_path / "secret.jpg"))
    adoption = adopt(source, drawn_index(), KaokoreFolder(tmp_path / "out", "1.3", "official", True), lambda line: None)
    assert list(adoption.rejected) == ["00000001.jpg"]
    assert "a symbolic link" in adoption.rejected["00000001.jpg"]


@pytest.mark.parametrize("name", ["../../up.jpg", "/abs.jpg", "C:\\x.jpg", "a\0b.jpg", "..\\up.jpg"])
def test_label_files_that_name_places_elsewhere_write_and_read_nothing_there(tmp_path: Path, name: str) -> None:
    files = index_files(lines_of(12))
    (tmp_path / "in" / "images_256").mkdir(parents=True)
    (tmp_path / "in" / "images_256" / "00000000.jpg").write_bytes(face(0, 64))
    (tmp_path / "up.jpg").write_bytes(face(7, 64))
    (tmp_path / "in" / "labels.csv").write_bytes(files["labels.csv"] + f"{name},0,1,train\n".encode())
    options = PackOptions(conversion=Conversion(resolution=32))
    said: list[str] = []
    pack(tmp_path / "in", tmp_path / "out.zip", options, said.append)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["00000/img00000000.png", "dataset.json"]
    assert any("rows name pictures that are not there" in line for line in said)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "up.jpg", "out.zip"}


PACK = """
import sys
from dataset.convert import Conversion
from dataset.pack import PackOptions, pack
pack(sys.argv[1], sys.argv[2], PackOptions(conversion=Conversion(resolution=256)), lambda line: None)
"""


def killed(source: Path, out: Path, seconds: float) -> None:
    """Start packing, wait until it writes, and kill it after a while."""
    process = subprocess.Popen([sys.executable, "-c", PACK, source, out], cwd=ROOT)
    until = time.monotonic() + 60
    while not list(out.parent.glob(f".{out.name}.tmp-*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def kill_and_rerun(tmp_path: Path, kills: int) -> int:
    """Kill packings at different moments; how many had finished before."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    pictures = {f"{n}.png": encoded(Image.fromarray(np.roll(noise, n, 0))) for n in range(120)}
    source = write_zip(tmp_path / "in.zip", pictures)
    pack(source, tmp_path / "whole.zip", PackOptions(conversion=Conversion(resolution=256)), lambda line: None)
    digest = hashlib.sha256((tmp_path / "whole.zip").read_bytes()).hexdigest()
    finished = 0
    for kill in range(kills):
        out = tmp_path / "out.zip"
        killed(source, out, 0.02 * kill)
        if out.exists():
            finished += 1
            assert hashlib.sha256(out.read_bytes()).hexdigest() == digest
        pack(source, out, PackOptions(conversion=Conversion(resolution=256)), lambda line: None)
        assert hashlib.sha256(out.read_bytes()).hexdigest() == digest
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zip", "out.zip", "whole.zip"]
        out.unlink()
    return finished


def test_a_killed_packing_leaves_the_whole_zip_or_none_and_a_rerun_gives_the_same_bytes(tmp_path: Path) -> None:
    assert kill_and_rerun(tmp_path, 1) == 0


@pytest.mark.slow
def test_twenty_five_kills_leave_the_whole_zip_or_none(tmp_path: Path) -> None:
    assert kill_and_rerun(tmp_path, 25) < 25


DAMAGED = {
    "cut short": lambda data: data[: len(data) // 2],
    "a byte changed": lambda data: data[:100] + bytes([data[100] ^ 16]) + data[101:],
    "16 bits": lambda data: encoded(Image.fromarray(np.full((40, 40), 30_000, np.uint16))),
    "CMYK": lambda data: encoded(blocks(0).convert("CMYK"), "JPEG"),
    "alpha": lambda data: encoded(blocks(0).convert("RGBA")),
    "palette": lambda data: encoded(blocks(0).convert("P")),
    "animated": lambda data: encoded(blocks(0), save_all=True, append_images=[blocks(1)]),
    "text": lambda data: b"hello",
    "nothing": lambda data: b"",
    "oblong": lambda data: encoded(blocks(0, 32, 20)),
    "smaller": lambda data: encoded(blocks(0, 16)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_each_damaged_entry_is_named_by_verify_before_anything_is_trained(tmp_path: Path, damage: str) -> None:
    from dataset import report
    from dataset.archive import Archive

    good = {f"{n}.png": encoded(blocks(n)) for n in range(3)}
    path = write_zip(tmp_path / "a.zip", good | {"1.png": DAMAGED[damage](encoded(blocks(1)))})
    if damage == "animated":  # its first picture is a picture like the others
        report.verify(Archive.open(path))
        return
    with pytest.raises(DataError, match=r"1\.png"):
        report.verify(Archive.open(path))
