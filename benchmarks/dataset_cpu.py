"""How fast are pictures packed, and what does fetching cost beyond waiting for the servers?

    python -m benchmarks.dataset_cpu [--threads 2] [--quick]

Packing: JPEG of 256 pixels into a zip of PNG at 256, of drawn faces, and of KaoKore's where ../shared has them.
Fetching: from a server in a process of its own on loopback, without pauses; all that is done for a picture counts
(request, whole decoding, two digests, a synced file, the journal), the server's own work too. The least of several
rounds. Prints a table and writes benchmarks/results/dataset_cpu.json (not with --quick).
"""

import io
import multiprocessing
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import PIL
from PIL import Image

from benchmarks import record
from dataset.convert import Conversion
from dataset.demo import draw_faces
from dataset.kaokore.fetch import FetchOptions, fetch
from dataset.kaokore.folder import KaokoreFolder
from dataset.kaokore.index import Index, read_index
from dataset.pack import PackOptions, pack
from dataset.web.manners import Manners

SIDE, ROUNDS = 256, 3
PICTURES, FEW = 2000, 40
HOSTS = ("codh.rois.ac.jp", "iiif.lib.keio.ac.jp", "rmda.kulib.kyoto-u.ac.jp")
REAL = record.REPOSITORY.parent / "shared" / "data" / "kaokore-v1.3-train.zip"


def jpeg_faces(count: int) -> list[bytes]:
    """Drawn faces as JPEG."""
    faces = []
    for face in draw_faces(count, SIDE, 0):
        stream = io.BytesIO()
        Image.fromarray(face.picture).save(stream, "JPEG", quality=90)
        faces.append(stream.getvalue())
    return faces


def real_faces(count: int) -> list[bytes]:
    """KaoKore's pictures of 256 pixels, where they are to be had."""
    if not REAL.exists():
        return []
    with zipfile.ZipFile(REAL) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        bodies = (archive.read(name) for name in names[: 2 * count])
        return [body for body in bodies if Image.open(io.BytesIO(body)).size == (SIDE, SIDE)][:count]


def least(work: Callable[[Path], object], rounds: int) -> float:
    """Least seconds of several rounds, each in a new folder."""
    seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            work(Path(folder))
            seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure_packing(what: str, bodies: list[bytes], rounds: int) -> dict[str, Any]:
    """One row: a folder of JPEG to a zip of PNG."""
    with tempfile.TemporaryDirectory() as source:
        for number, body in enumerate(bodies):
            (Path(source) / f"{number:08d}.jpg").write_bytes(body)
        options = PackOptions(conversion=Conversion(resolution=SIDE))
        seconds = least(lambda out: pack(source, out / "out.zip", options, lambda line: None), rounds)
    return _row(what, len(bodies), seconds, rounds)


def measure_fetching(body: bytes, count: int, rounds: int) -> dict[str, Any]:
    """One row: pictures of three hosts from loopback."""
    index = _index(count)
    manners = Manners(interval=0.0)
    with server(body) as base:
        options = FetchOptions(moved={host: f"{base}/{host}" for host in HOSTS}, manners=manners)

        def run(out: Path) -> None:
            found = fetch(index, KaokoreFolder(out / "k", "1.3", "official", True), options, lambda line: None)
            assert found.fetched == count, found

        seconds = least(run, rounds)
    return _row("fetch from loopback", count, seconds, rounds)


def _row(what: str, count: int, seconds: float, rounds: int) -> dict[str, Any]:
    return {
        "what": what,
        "pictures": count,
        "seconds": round(seconds, 3),
        "pictures_per_s": round(count / seconds, 1),
        "ms_a_picture": round(1000 * seconds / count, 3),
        "rounds": rounds,
    }


def _index(count: int) -> Index:
    names = [f"{number:08d}.jpg" for number in range(count)]
    urls = [f"http://{HOSTS[n % 3]}/book/{n // 9}.tif/{n},0,99,99/256,256/0/default.jpg" for n in range(count)]
    texts = {
        "labels.csv": ["image,gender,status,set", *(f"{name},0,1,train" for name in names)],
        "urls.txt": urls,
        "original_tags.txt": [f"{name}:性別=男;身分=武士;所蔵=京都大学" for name in names],
    }
    return read_index(
        {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()}, "1.3", "", unpinned=True
    )


@contextmanager
def server(body: bytes) -> Iterator[str]:
    """The address of a server that answers everything with one body, in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(body, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(body: bytes, port: Connection) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(listener.server_address[1])
    listener.serve_forever()


def measure(quick: bool) -> list[dict[str, Any]]:
    """All rows."""
    count, rounds = (FEW, 1) if quick else (PICTURES, ROUNDS)
    drawn, real = jpeg_faces(count), real_faces(count)
    rows = [measure_packing("pack drawn faces", drawn, rounds)]
    rows += [measure_packing("pack KaoKore", real, rounds)] if real else []
    return [*rows, measure_fetching((real or drawn)[0], count, rounds)]


@click.command()
@click.option("--threads", default=2, help="Processors used, for the record.")
@click.option("--quick", is_flag=True, help="A few pictures, nothing written.")
def main(threads: int, quick: bool) -> None:
    """Measure, print, write."""
    rows = measure(quick)
    for row in rows:
        figures = f"{row['pictures_per_s']:9.1f}/s {row['ms_a_picture']:8.3f} ms"
        print(f"{row['what']:22} {row['pictures']:6} pictures {figures}")
    if not quick:
        command = f"python -m benchmarks.dataset_cpu --threads {threads}"
        path = record.write("dataset_cpu", command, threads, rows, pillow=PIL.__version__)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
