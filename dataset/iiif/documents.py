"""JSON documents by address: from a folder where they lie already, else from their servers, each asked for once."""

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dataset.web.http import RefusedError, UnsettledError, Web, origin_of
from dataset.web.manners import Host, Manners, Run, StoppedError, Turn
from torch_utils.errors import DataError

TRIES = 3


class Documents:
    """Reads and remembers documents.

    Args:
        web: asked for what is not local; None asks nobody.
        local: folder with documents at host/path, for work without a network.
        allowed: origins on private networks that may be asked.
    """

    def __init__(self, web: Web | None, manners: Manners, *, local: Path | None = None, allowed: Sequence[str] = ()):
        self._web, self._local, self._allowed = web, local, set(allowed)
        self._run = Run(manners)
        self._hosts: dict[str, Host] = {}
        self._known: dict[str, Any] = {}

    def get(self, address: str) -> dict[str, Any]:
        """The object at an address, without its fragment.

        Raises:
            DataError: it cannot be had, is not JSON, or not an object.
        """
        address = address.partition("#")[0]
        if address not in self._known:
            self._known[address] = parse(self._read(address), address)
        return self._known[address]

    def allow(self, address: str) -> None:
        """Let pictures and documents of this origin be asked for; raises DataError for hosts on private networks."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DataError(f"{address[:200]}: not a web address. Correct the document that names it.")
        origin = origin_of(address)
        if _is_private(parts.hostname) and origin not in self._allowed:
            raise DataError(
                f"{address[:200]}: a host of a private network. Add --allow-host {origin} if that is meant."
            )
        if self._web:
            self._web.allow(origin)

    def _read(self, address: str) -> bytes:
        parts = urlsplit(address)
        if self._local:
            path = self._local / parts.netloc / parts.path.lstrip("/")
            if path.resolve().is_relative_to(self._local.resolve()) and path.is_file():
                return path.read_bytes()
        if self._web is None:
            raise DataError(f"{address}: not among the local documents. Leave --offline out to ask for it.")
        self.allow(address)
        return self._ask(self._web, address, parts.netloc)

    def _ask(self, web: Web, address: str, host: str) -> bytes:
        gate = self._hosts.setdefault(host, Host(host, self._run))
        reason = ""
        for _ in range(TRIES):
            try:
                with Turn(gate) as turn:
                    return web.get(address, before=turn.take, accept="application/json").body or b""
            except UnsettledError as error:
                reason = str(error)
                gate.went_badly(reason, wait=error.wait, overloaded=error.overloaded)
            except (RefusedError, StoppedError) as error:
                reason = str(error)
                break
        raise DataError(f"{address}: {reason}. Try later, or give it with --documents.")


def parse(text: bytes, where: str) -> dict[str, Any]:
    """JSON text as an object. Raises DataError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({str(error)[:80]}). Check the address.") from error
    if not isinstance(document, dict):
        raise DataError(f"{where}: not a JSON object. Check the address.")
    return document


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not address.is_global
