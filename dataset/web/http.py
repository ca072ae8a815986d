"""One HTTP request with every limit there is: hosts, redirects, bytes, seconds. The only module that knows urllib3."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import urllib3
from urllib3.util import Retry, parse_url

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
CHUNK = 1 << 16
REDIRECTS = 5
REDIRECTING = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # worth another try
OVERLOADED = frozenset({429, 503})
NOT_MODIFIED = 304
MEBIBYTE = 2**20


class RefusedError(Exception):
    """A final answer: asking again would not help. `status` is None where no server said it."""

    def __init__(self, reason: str, status: int | None = None):
        super().__init__(reason)
        self.status = status


class UnsettledError(Exception):
    """An answer that may be better next time.

    Args:
        wait: seconds the server asked us to wait.
        overloaded: whether it said that we are too fast (429, 503).
    """

    def __init__(self, reason: str, *, wait: float | None = None, overloaded: bool = False):
        super().__init__(reason)
        self.wait, self.overloaded = wait, overloaded


@dataclass(frozen=True)
class Answer:
    """A whole body; None with status 304, where nothing has changed."""

    body: bytes | None
    url: str  # after redirects
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may cost."""

    most_bytes: int = 64 * MEBIBYTE
    most_seconds: float = 120.0


class Web:
    """Connections kept alive, to allowed origins only.

    Args:
        user_agent: says honestly who asks.
        origins: `scheme://host[:port]` that may be asked; redirects to any other are refused.
        moved: {host: base address} to ask instead of it, for mirrors of one's own and for tests.
        insecure: accept any TLS certificate.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        origins: Iterable[str],
        moved: Mapping[str, str] | None = None,
        insecure: bool = False,
        connections: int = 4,
        limits: Limits | None = None,
    ):
        self._moved = {host: base.rstrip("/") for host, base in (moved or {}).items()}
        self._origins = {*origins, *(origin_of(base) for base in self._moved.values())}
        self._limits = limits or Limits()
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._pool = urllib3.PoolManager(
            num_pools=16,
            maxsize=connections,
            cert_reqs="CERT_NONE" if insecure else "CERT_REQUIRED",
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def allow(self, origin: str) -> None:
        """One more origin that may be asked."""
        self._origins.add(origin)

    def get(
        self, url: str, *, before: Callable[[], None] = lambda: None, etag: str | None = None, accept: str = "*/*"
    ) -> Answer:
        """Ask for an address, following redirects.

        Args:
            before: called before each request, to wait for one's turn.
            etag: of the body one has already; the answer may then be None.
        Raises:
            RefusedError: a final status, an origin that is not allowed, too many redirects, a body over the limit.
            UnsettledError: time-outs, connections that break, a body cut short, statuses that say "later".
        """
        headers = self._headers | {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
        for _ in range(REDIRECTS + 1):
            target = self._target(url)
            before()
            try:
                response = self._pool.request(
                    "GET", target, headers=headers, redirect=False, retries=False, preload_content=False
                )
                with response:
                    if response.status in REDIRECTING and "Location" in response.headers:
                        url = urljoin(url, response.headers["Location"])
                        response.drain_conn()
                        continue
                    return self._answer(response, url)
            except urllib3.exceptions.SSLError as error:
                raise RefusedError(f"TLS failed ({_words(error)})") from error
            except urllib3.exceptions.LocationValueError as error:
                raise RefusedError(f"not an address ({_words(error)})") from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise UnsettledError(_words(error)) from error
        raise RefusedError(f"more than {REDIRECTS} redirects")

    def _target(self, url: str) -> str:
        """The address to ask in truth. Raises RefusedError where its origin is not allowed."""
        try:
            parts = parse_url(url)
        except urllib3.exceptions.LocationParseError as error:
            raise RefusedError(f"not an address ({_words(error)})") from error
        if parts.host in self._moved and parts.scheme in ("http", "https"):
            return self._moved[parts.host] + parts.request_uri
        origin = origin_of(url)
        if origin not in self._origins or parts.auth:
            raise RefusedError(f"leads to {origin}, which is not among the allowed hosts")
        return url

    def _answer(self, response: urllib3.BaseHTTPResponse, url: str) -> Answer:
        status, headers = response.status, response.headers
        if status == NOT_MODIFIED:
            return Answer(None, url, headers)
        if status in PASSING:
            wait = headers.get("Retry-After")
            response.close()
            raise UnsettledError(f"status {status}", wait=_seconds(wait), overloaded=status in OVERLOADED)
        if status != 200:
            response.close()
            raise RefusedError(f"status {status}", status)
        if headers.get("Content-Encoding", "identity") != "identity":
            raise RefusedError(f"sent as {headers['Content-Encoding']}, which nobody asked for")
        return Answer(self._body(response), url, headers)

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read on while bytes come, but never beyond the limits, whatever the server promised."""
        most, until = self._limits.most_bytes, time.monotonic() + self._limits.most_seconds
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > most:  # whatever else stands there, what comes is counted
            response.close()
            raise RefusedError(f"announces more than {most // MEBIBYTE} MiB")
        body = bytearray()
        while chunk := response.read1(CHUNK):
            body += chunk
            if len(body) > most:
                response.close()
                raise RefusedError(f"sends more than {most // MEBIBYTE} MiB")
            if time.monotonic() > until:
                response.close()
                raise UnsettledError(f"took more than {self._limits.most_seconds:.0f} s")
        return bytes(body)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an address."""
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.host}{f':{parts.port}' if parts.port else ''}"


def origins_of(urls: Iterable[str]) -> set[str]:
    """The origins of addresses, and the same by https for those asked by http."""
    origins = {origin_of(url) for url in urls}
    return origins | {origin.replace("http://", "https://", 1) for origin in origins}


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in both its forms, seconds and date; None where it says nothing one can use."""
    if not retry_after:
        return None
    try:
        return max(0.0, Retry().parse_retry_after(retry_after))
    except urllib3.exceptions.InvalidHeader:
        return None


def _words(error: BaseException) -> str:
    """The reason without addresses of objects in memory."""
    text = " ".join(str(error).split())
    return (text.partition(">: ")[2] or text)[:160] or type(error).__name__
