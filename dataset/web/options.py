"""The flags that every downloading command shares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from dataset.web.http import MEBIBYTE, Limits
from dataset.web.manners import Manners
from torch_utils.errors import ConfigError

DEFAULTS, LIMITS = Manners(), Limits()
POLITE = (
    click.option(
        "--per-host", type=click.IntRange(min=1), default=DEFAULTS.per_host, help="Requests at once to a host."
    ),
    click.option(
        "--in-all", type=click.IntRange(min=1), default=DEFAULTS.in_all, help="Requests at once to all hosts."
    ),
    click.option(
        "--interval",
        type=click.FloatRange(min=0),
        default=DEFAULTS.interval,
        help="Seconds between requests to a host.",
    ),
    click.option("--attempts", type=click.IntRange(min=1), default=DEFAULTS.attempts, help="Tries of an address."),
    click.option("--first-wait", type=float, default=DEFAULTS.first_wait, help="Seconds before the second try."),
    click.option("--max-wait", type=float, default=DEFAULTS.max_wait, help="Most seconds to wait, whatever is asked."),
    click.option("--patience", type=int, default=DEFAULTS.patience, help="Failures in a row before a host is paused."),
    click.option("--pause", type=float, default=DEFAULTS.pause, help="Seconds of that pause."),
    click.option("--max-requests", type=click.IntRange(min=1), help="Most requests of this run."),
    click.option("--hours", metavar="FROM-TO", help="Ask only at these hours of the day, for example 22-6."),
    click.option("--max-mib", type=click.IntRange(min=1), default=LIMITS.most_bytes // MEBIBYTE, help="Of an answer."),
    click.option(
        "--max-seconds", type=float, default=LIMITS.most_seconds, help="Of an answer, however slowly it comes."
    ),
    click.option("--contact", default="", help="Your address for the User-Agent, so that the holders can ask."),
    click.option("--base-url-map", metavar="HOST=URL", multiple=True, help="Ask this address in place of a host."),
    click.option("--allow-host", metavar="ORIGIN", multiple=True, help="Redirects may lead to it: https://host."),
    click.option("--insecure", is_flag=True, help="Do not check TLS certificates in this run."),
)


@dataclass(frozen=True, kw_only=True)
class Polite:
    """The flags, read."""

    manners: Manners
    limits: Limits
    contact: str
    moved: Mapping[str, str]
    allowed: Sequence[str]
    insecure: bool


def polite_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add the flags to a command, which gets them as one argument `polite`."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> int | None:
        names = ("per_host", "in_all", "interval", "attempts", "first_wait", "max_wait", "patience", "pause")
        manners = Manners(
            **{name: options.pop(name) for name in names},
            max_requests=options.pop("max_requests"),
            hours=_hours(options.pop("hours")),
        )
        polite = Polite(
            manners=manners,
            limits=Limits(most_bytes=options.pop("max_mib") * MEBIBYTE, most_seconds=options.pop("max_seconds")),
            contact=options.pop("contact"),
            moved=_moved(options.pop("base_url_map")),
            allowed=options.pop("allow_host"),
            insecure=options.pop("insecure"),
        )
        return command(*arguments, polite=polite, **options)

    for option in reversed(POLITE):
        wrapped = option(wrapped)
    return wrapped


def _hours(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) < 24 and int(last) <= 24 and first != last):
        raise ConfigError(f"--hours {text}: not two hours of the day. Use for example 22-6.")
    return int(first), int(last)


def _moved(pairs: Sequence[str]) -> dict[str, str]:
    moved = {}
    for pair in pairs:
        host, equals, base = pair.partition("=")
        if not equals or not host or not base.startswith(("http://", "https://")):
            raise ConfigError(
                f"--base-url-map {pair}: not HOST=URL. Use for example codh.rois.ac.jp=http://127.0.0.1:8080."
            )
        moved[host] = base
    return moved
