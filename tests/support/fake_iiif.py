"""An IIIF server on loopback that plays several hosts, misbehaves as told, and remembers every request.

A host is the first part of the path, as `--base-url-map HOST=http://127.0.0.1:PORT/HOST` makes it.
Pages are drawn from their identifier alone; regions and sizes follow the Image API 2.1 or 3.0.
"""

import hashlib
import io
import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
from PIL import Image

PAGE_WIDTH, PAGE_HEIGHT = 4000, 3000


class RefusalError(Exception):
    """A status that the server answers with."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Style:
    """How a server reads the standard."""

    version: Literal[2, 3] = 2
    negative: Literal["refuse", "crop", "shift"] = "shift"
    enlarges: bool = True  # with ^ in version 3
    page: tuple[int, int] = (PAGE_WIDTH, PAGE_HEIGHT)


@dataclass(frozen=True)
class Request:
    """One line of the server's log; times are time.monotonic()."""

    host: str
    path: str
    agent: str
    start: float
    end: float
    status: int
    fault: str
    at_once: int  # requests to this host in work when it came, itself among them


_MOST_SECONDS_IN_WORK = 5  # a request that a client has left may stay longer


@dataclass
class Server:
    """What a running server knows."""

    port: int
    style: Style
    fault: Callable[[str, str, int], str]  # (host, path, how often it was asked before) → name of a fault, or ""
    delay: float = 0.0
    documents: dict[str, Any] = field(default_factory=dict)  # path → JSON, or bytes
    answered: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    in_work: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def log(self) -> list[Request]:
        """What was asked so far. A client has its answer a moment before the answer is noted: that moment is waited."""
        until = time.monotonic() + _MOST_SECONDS_IN_WORK
        while any(self.in_work.copy().values()) and time.monotonic() < until:
            time.sleep(0.01)
        return self.answered

    def base(self, host: str) -> str:
        """The address that stands for a host."""
        return f"http://127.0.0.1:{self.port}/{host}"

    def of(self, host: str) -> list[Request]:
        """The host's log, by the time of coming."""
        return sorted((request for request in self.log if request.host == host), key=lambda request: request.start)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are part of the play


def serve(
    fault: Callable[[str, str, int], str] = lambda host, path, before: "",
    style: Style | None = None,
    delay: float = 0.0,
) -> "Running":
    """A server in threads of its own; use as a context manager, which gives the Server."""
    return Running(fault, style or Style(), delay)


class Running:
    """Starts and stops a server."""

    def __init__(self, fault: Callable[[str, str, int], str], style: Style, delay: float):
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self.server = Server(self._listener.server_address[1], style, fault, delay)
        self._listener.play = self.server  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self.server

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        play: Server = self.server.play  # type: ignore[attr-defined]
        start = time.monotonic()
        host, _, path = self.path.removeprefix("/").partition("/")
        with play.lock:
            play.in_work[host] += 1
            at_once, before = play.in_work[host], play.asked[self.path]
            play.asked[self.path] += 1
        fault, self.sent = play.fault(host, path, before), 0
        try:
            if play.delay:
                time.sleep(play.delay)
            self._answer(play, host, path, fault)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            with play.lock:
                play.in_work[host] -= 1
                agent = self.headers.get("User-Agent", "")
                play.answered.append(Request(host, path, agent, start, time.monotonic(), self.sent, fault, at_once))

    def _answer(self, play: Server, host: str, path: str, fault: str) -> None:
        if fault in FAULTS:
            FAULTS[fault](self, play, host, path)
            return
        if f"{host}/{path}" in play.documents:
            document = play.documents[f"{host}/{path}"]
            self.reply(200, document if isinstance(document, bytes) else json.dumps(document).encode(), "text/plain")
            return
        try:
            body, kind = picture(path, play.style, fault)
        except RefusalError as refusal:
            self.reply(refusal.status, b"refused", "text/plain")
            return
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            self.reply(304, b"", kind)
            return
        self.reply(200, body, kind, ETag=etag)

    def reply(self, status: int, body: bytes, kind: str, length: int | None = None, **headers: str) -> None:
        self.sent = status
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 304:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def picture(path: str, style: Style, fault: str = "") -> tuple[bytes, str]:
    """The body and its type for `identifier/region/size/0/default.jpg`. Raises RefusalError."""
    match = re.fullmatch(r"(.+)/([^/]+)/([^/]+)/0/(?:default|native)\.jpg", unquote(path))
    if not match:
        raise RefusalError(404)
    identifier, region, size = match.groups()
    x, y, w, h = _region(region, style)
    width, height = _size(size, w, h, style)
    if fault == "200 pixels":
        width = height = 200
    drawn = Image.fromarray(page(identifier, x, y, w, h)).resize((width, height), Image.Resampling.BILINEAR)
    mode, kind = KINDS.get(fault, ("RGB", "JPEG"))
    stream = io.BytesIO()
    drawn = drawn.quantize(256) if mode == "P" else drawn.convert(mode)
    drawn.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
    return stream.getvalue(), f"image/{kind.lower()}"


KINDS = {
    "grey": ("L", "JPEG"),
    "CMYK": ("CMYK", "JPEG"),
    "RGBA": ("RGBA", "PNG"),
    "PNG": ("RGB", "PNG"),
    "palette": ("P", "PNG"),
}


def page(identifier: str, x: int, y: int, w: int, h: int) -> np.ndarray:
    """A piece of a page: waves whose lengths follow from the identifier, uint8 [h, w, 3]."""
    lengths = [40 + value for value in hashlib.sha256(identifier.encode()).digest()[:6]]
    columns, rows = np.arange(x, x + w)[None, :], np.arange(y, y + h)[:, None]
    waves = [np.sin(columns / a) + np.cos(rows / b) for a, b in zip(lengths[:3], lengths[3:], strict=True)]
    return np.stack([(63 * wave + 128).astype(np.uint8) for wave in waves], axis=2)


def _region(text: str, style: Style) -> tuple[int, int, int, int]:
    width, height = style.page
    if text == "full":
        return 0, 0, width, height
    if text == "square":
        side = min(width, height)
        return (width - side) // 2, (height - side) // 2, side, side
    percent = text.startswith("pct:")
    try:
        x, y, w, h = (float(part) if percent else int(part) for part in text.removeprefix("pct:").split(","))
    except ValueError:
        raise RefusalError(400) from None
    if percent:
        x, y, w, h = x * width / 100, y * height / 100, w * width / 100, h * height / 100
    if x < 0 or y < 0:
        if style.negative == "refuse":
            raise RefusalError(400)
        if style.negative == "crop":
            w, h = w + min(x, 0), h + min(y, 0)
        x, y = max(x, 0), max(y, 0)
    w, h = min(w, width - x), min(h, height - y)  # an overrun is cut at the page's edge
    if w < 1 or h < 1:
        raise RefusalError(400)
    return round(x), round(y), round(w), round(h)


def _size(text: str, w: int, h: int, style: Style) -> tuple[int, int]:
    asked = text.removeprefix("^")
    if text.startswith("^") and style.version == 2:
        raise RefusalError(400)
    if text.startswith("^") and not style.enlarges:
        raise RefusalError(501)
    if asked in ("full", "max"):
        if asked == "full" and style.version == 3:
            raise RefusalError(400)
        return w, h
    if asked.startswith("pct:"):
        share = float(asked.removeprefix("pct:")) / 100
        width, height = round(w * share), round(h * share)
    elif asked.startswith("!"):
        scale = min(int(part) / side for part, side in zip(asked[1:].split(","), (w, h), strict=True))
        if style.version == 3 and not text.startswith("^"):
            scale = min(scale, 1.0)
        width, height = max(1, round(w * scale)), max(1, round(h * scale))
    else:
        given = [int(part) if part else 0 for part in asked.split(",")]
        width = given[0] or round(w * given[1] / h)
        height = given[1] or round(h * given[0] / w)
    larger = width > w or height > h
    if larger and ((style.version == 3 and not text.startswith("^")) or not style.enlarges):
        raise RefusalError(400)
    return width, height


def _body(play: Server, path: str) -> bytes:
    return picture(path, play.style)[0]


def _cut_short(handler: _Handler, play: Server, host: str, path: str) -> None:
    body = _body(play, path)
    handler.reply(200, body[: len(body) // 2], "image/jpeg", length=len(body))
    handler.close_connection = True


def _short_length(handler: _Handler, play: Server, host: str, path: str) -> None:
    body = _body(play, path)
    handler.reply(200, body, "image/jpeg", length=len(body) - 400)
    handler.close_connection = True


def _drip(handler: _Handler, play: Server, host: str, path: str) -> None:
    handler.reply(200, b"", "image/jpeg", length=1 << 20)
    for _ in range(200):
        handler.wfile.write(b"\xff")
        handler.wfile.flush()
        time.sleep(0.05)


def _reset(handler: _Handler, play: Server, host: str, path: str) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def _endless(handler: _Handler, play: Server, host: str, path: str) -> None:
    handler.sent = 200
    handler.send_response(200)
    handler.send_header("Content-Type", "image/jpeg")
    handler.send_header("Connection", "close")
    handler.end_headers()
    block = bytes(1 << 20)
    for _ in range(10_000):
        handler.wfile.write(block)
    handler.close_connection = True


def _flipped(handler: _Handler, play: Server, host: str, path: str) -> None:
    body = bytearray(_body(play, path))
    body[2:20] = bytes(18)
    handler.reply(200, bytes(body), "image/jpeg")


def _to(location: str) -> Callable[[_Handler, Server, str, str], None]:
    def answer(handler: _Handler, play: Server, host: str, path: str) -> None:
        target = location.format(base=play.base(host), path=path)
        handler.reply(302, b"", "text/plain", Location=target)

    return answer


def _redirect_once(handler: _Handler, play: Server, host: str, path: str) -> None:
    if "/0/native" in path:
        handler.reply(200, _body(play, path), "image/jpeg")
    else:
        handler.reply(302, b"", "text/plain", Location=f"http://{host}/{path.replace('/0/default', '/0/native')}")


def _says(status: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Callable[..., None]:
    def answer(handler: _Handler, play: Server, host: str, path: str) -> None:
        handler.reply(status, body, kind, **headers)

    return answer


def _later_by_date(handler: _Handler, play: Server, host: str, path: str) -> None:
    handler.reply(429, b"", "text/plain", Retry_After=formatdate(time.time() + 1, usegmt=True))


FAULTS: dict[str, Callable[..., None]] = {
    "429 seconds": _says(429, Retry_After="1"),
    "429 date": _later_by_date,
    "429": _says(429),
    "503": _says(503),
    "503 a day": _says(503, Retry_After="86400"),
    "500": _says(500),
    "404": _says(404),
    "403": _says(403),
    "400": _says(400),
    "501": _says(501),
    "HTML": _says(200, b"<!DOCTYPE html><html><body>Maintenance</body></html>", "text/html"),
    "empty": _says(200, b"", "image/jpeg"),
    "cut short": _cut_short,
    "wrong length": _short_length,
    "drip": _drip,
    "reset": _reset,
    "damaged": _flipped,
    "endless": _endless,
    "ten gigabytes": lambda handler, *_: handler.reply(200, b"", "image/jpeg", length=10 * 2**30),
    "gzip": _says(200, b"\x1f\x8b", "image/jpeg", Content_Encoding="gzip"),
    "redirect once": _redirect_once,
    "redirect loop": _to("{base}/{path}"),
    "redirect to loopback": _to("http://127.0.0.1:9/secret"),
    "redirect to a file": _to("file:///etc/passwd"),
    "redirect elsewhere": _to("https://example.invalid/{path}"),
}
PASSING = (
    "429 seconds",
    "429 date",
    "429",
    "503",
    "500",
    "HTML",
    "empty",
    "cut short",
    "wrong length",
    "reset",
    "damaged",
)
HARMLESS = ("grey", "CMYK", "RGBA", "PNG", "palette", "redirect once")
FINAL = ("404", "403", "redirect loop", "redirect to loopback", "redirect to a file", "redirect elsewhere", "gzip")
