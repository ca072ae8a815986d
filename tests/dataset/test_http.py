"""Answers of servers that do not keep to the rules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dataset.web.http import Limits, RefusedError, Web


@contextmanager
def serving(length: str, body: bytes) -> Iterator[str]:
    """An address whose answer announces `length`, whatever it sends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("length", ["abc", "-5", ""])
def test_a_length_that_is_no_number_does_not_matter_what_comes_is_counted(length):
    with serving(length, b"picture") as origin:
        assert Web(user_agent="test", origins=[origin]).get(f"{origin}/a.jpg").body == b"picture"
        narrow = Web(user_agent="test", origins=[origin], limits=Limits(most_bytes=3))
        with pytest.raises(RefusedError, match="sends more than 0 MiB"):
            narrow.get(f"{origin}/a.jpg")
